//! Headers as Python code has them: a mapping, or pairs, of text or of bytes.

use std::borrow::Cow;

use codomyrmex_core::{HeaderSink, HeaderSource};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::convert;
use crate::module::header_name;

/// So many headers are looked at.
const MOST: usize = 1000;

/// Names and values of headers: of a mapping, or of an iterable of pairs; bytes are read as Latin-1. What cannot be read is
/// left out.
pub(crate) fn read(headers: &Bound<'_, PyAny>) -> Vec<(String, String)> {
    let mut read = Vec::new();
    each_pair(headers, &mut |name, value| {
        if let (Some(name), Some(value)) = (text(name), text(value)) {
            read.push((name.into_owned(), value.into_owned()));
        }
    });
    read
}

/// Hands over what a mapping or an iterable of pairs holds.
fn each_pair<'py>(
    headers: &Bound<'py, PyAny>,
    visit: &mut dyn FnMut(&Bound<'py, PyAny>, &Bound<'py, PyAny>),
) {
    if let Ok(dict) = headers.cast_exact::<PyDict>() {
        for (name, value) in dict.iter().take(MOST) {
            visit(&name, &value);
        }
        return;
    }
    let items = headers
        .call_method0("items")
        .or_else(|_| headers.try_iter().map(Bound::into_any));
    let Ok(items) = items.and_then(|items| items.try_iter()) else {
        return;
    };
    for item in items.take(MOST) {
        let Ok(item) = item else { break };
        if let (Ok(name), Ok(value)) = (item.get_item(0), item.get_item(1)) {
            visit(&name, &value);
        }
    }
}

/// Text, or bytes as Latin-1.
fn text<'a>(value: &'a Bound<'_, PyAny>) -> Option<Cow<'a, str>> {
    if let Ok(text) = value.cast::<PyString>() {
        return Some(
            text.to_str()
                .map_or_else(|_| text.to_string_lossy(), Cow::Borrowed),
        );
    }
    let bytes = value.cast::<PyBytes>().ok()?.as_bytes();
    Some(match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    })
}

/// Begins a name with a part of its own, in Jaeger's format.
const OPEN_NAME: &str = "uberctx-";
/// Begins the names of a WSGI environ that are headers.
const OF_WSGI: &str = "HTTP_";

/// Headers that come in: those of the names that are asked for.
///
/// Names match in any case, and `_` stands for `-` as it does in an environment. In a WSGI environ only `HTTP_…` is a header.
pub(crate) struct HeadersIn<'f, 'py> {
    found: Vec<Found<'f, 'py>>,
    wsgi: bool,
}

struct Found<'f, 'py> {
    /// The name that was asked for; None where the carrier's own name tells more.
    field: Option<&'f str>,
    name: Bound<'py, PyAny>,
    /// Whether the name begins as WSGI's do.
    of_wsgi: bool,
    value: Bound<'py, PyAny>,
}

impl<'f, 'py> HeadersIn<'f, 'py> {
    /// Of a mapping or an iterable of pairs; what is neither has no headers.
    pub(crate) fn of(carrier: &Bound<'py, PyAny>, fields: &[&'f str]) -> Self {
        let mut headers = Self {
            found: Vec::with_capacity(4),
            wsgi: false,
        };
        each_pair(carrier, &mut |name, value| {
            let Some(key) = text(name) else { return };
            if key.starts_with("wsgi.") {
                headers.wsgi = true;
            }
            let bare = key.strip_prefix(OF_WSGI);
            let known = bare.unwrap_or(&key);
            let field = fields.iter().find(|field| is_named(known, field)).copied();
            if field.is_some() || begins(known, OPEN_NAME) {
                headers.found.push(Found {
                    field,
                    name: name.clone(),
                    of_wsgi: bare.is_some(),
                    value: value.clone(),
                });
            }
        });
        headers
    }

    fn headers(&self) -> impl Iterator<Item = &Found<'f, 'py>> {
        self.found.iter().filter(|found| found.of_wsgi == self.wsgi)
    }
}

impl Found<'_, '_> {
    fn each_value(&self, visit: &mut dyn FnMut(&str)) {
        if let Some(value) = text(&self.value) {
            visit(&value);
        } else if let Ok(values) = self.value.cast::<PyList>() {
            for value in values.iter().take(MOST) {
                visit(&text(&value).unwrap_or_default());
            }
        } else if let Ok(values) = self.value.cast::<PyTuple>() {
            for value in values.iter().take(MOST) {
                visit(&text(&value).unwrap_or_default());
            }
        }
    }
}

impl HeaderSource for HeadersIn<'_, '_> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        for found in self.headers() {
            if found.field.is_some_and(|field| is_named(field, name)) {
                found.each_value(visit);
            }
        }
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        for found in self.headers().filter(|found| found.field.is_none()) {
            let Some(key) = text(&found.name) else {
                continue;
            };
            let name = if found.of_wsgi {
                &key[OF_WSGI.len()..]
            } else {
                &key
            };
            if begins(name, prefix) {
                found.each_value(&mut |value| visit(name, value));
            }
        }
    }
}

/// Whether this names a header of W3C's formats.
pub(crate) fn is_of_trace_context(name: &str) -> bool {
    let same = |field: &str| is_named(name, field);
    match name.len() {
        7 => same("baggage"),
        10 => same("tracestate"),
        11 => same("traceparent"),
        _ => false,
    }
}

/// Whether a key is this header's name.
fn is_named(key: &str, name: &str) -> bool {
    key == name || key.len() == name.len() && begins(key, name)
}

fn begins(key: &str, name: &str) -> bool {
    let same = |(a, b): (u8, u8)| a.eq_ignore_ascii_case(&b) || a == b'_' && b == b'-';
    key.len() >= name.len() && key.bytes().zip(name.bytes()).all(same)
}

/// Headers that go out, into whatever the caller has.
pub(crate) struct HeadersOut<'a, 'py> {
    carrier: Into<'a, 'py>,
    variables: bool,
    /// The first exception of the carrier's own code.
    pub(crate) done: PyResult<()>,
}

enum Into<'a, 'py> {
    /// A dict, and whether all that is in it was written here.
    Dict(&'a Bound<'py, PyDict>, bool),
    Pairs(&'a Bound<'py, PyList>, bool),
    Mapping(&'a Bound<'py, PyAny>),
}

impl<'a, 'py> HeadersOut<'a, 'py> {
    /// Into a mapping that can be changed, or a list of pairs: of bytes if it holds such. With `variables` the names are
    /// those of environment variables.
    pub(crate) fn of(carrier: &'a Bound<'py, PyAny>, variables: bool) -> PyResult<Self> {
        let into = if let Ok(dict) = carrier.cast_exact::<PyDict>() {
            Into::Dict(dict, dict.is_empty())
        } else if let Ok(list) = carrier.cast::<PyList>() {
            let first = list.get_item(0).and_then(|pair| pair.get_item(0));
            Into::Pairs(
                list,
                first.is_ok_and(|name| name.is_instance_of::<PyBytes>()),
            )
        } else if carrier.hasattr("__setitem__")? {
            Into::Mapping(carrier)
        } else {
            return Err(PyTypeError::new_err(format!(
                "a carrier must be a mapping that can be changed, or a list of pairs, not {}",
                carrier.get_type()
            )));
        };
        Ok(Self {
            carrier: into,
            variables,
            done: Ok(()),
        })
    }

    fn attempt(&mut self, work: impl FnOnce(&Into<'a, 'py>) -> PyResult<()>) {
        if self.done.is_ok() {
            self.done = work(&self.carrier);
        }
    }

    fn name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        if !self.variables {
            return Cow::Borrowed(name);
        }
        codomyrmex_core::variable_name(name)
    }
}

impl HeaderSink for HeadersOut<'_, '_> {
    fn set(&mut self, name: &str, value: &str) {
        let name = &*self.name(name);
        self.attempt(|carrier| match carrier {
            Into::Dict(dict, fresh) => {
                if !fresh {
                    forget_in_dict(dict, name, true)?;
                }
                let py = dict.py();
                dict.set_item(header_name(py, name), convert::ascii(py, value))
            }
            Into::Pairs(list, bytes) => {
                forget_in_list(list, name)?;
                if *bytes {
                    let name = PyBytes::new(list.py(), name.to_ascii_lowercase().as_bytes());
                    list.append((name, PyBytes::new(list.py(), value.as_bytes())))
                } else {
                    list.append((name, value))
                }
            }
            Into::Mapping(mapping) => mapping.set_item(name, value),
        });
    }

    fn remove(&mut self, name: &str) {
        let name = &*self.name(name);
        self.attempt(|carrier| match carrier {
            Into::Dict(_, true) => Ok(()),
            Into::Dict(dict, false) => forget_in_dict(dict, name, false),
            Into::Pairs(list, _) => forget_in_list(list, name),
            Into::Mapping(mapping) if mapping.contains(name)? => mapping.del_item(name),
            Into::Mapping(_) => Ok(()),
        });
    }
}

/// Two names of one header.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.eq_ignore_ascii_case(b)
}

/// Takes away what stands under a name in any case, or in any other case.
fn forget_in_dict(dict: &Bound<'_, PyDict>, name: &str, others: bool) -> PyResult<()> {
    let mut old = Vec::new();
    for (key, _) in dict {
        let Ok(known) = key.cast::<PyString>() else {
            continue;
        };
        if known.len().is_ok_and(|length| length == name.len())
            && text(&key).is_some_and(|known| is_same(&known, name) && !(others && known == name))
        {
            old.push(key);
        }
    }
    old.iter().try_for_each(|key| dict.del_item(key))
}

fn forget_in_list(list: &Bound<'_, PyList>, name: &str) -> PyResult<()> {
    let mut at = list.len();
    while let Some(before) = at.checked_sub(1) {
        at = before;
        let known = list.get_item(at)?.get_item(0);
        if known.is_ok_and(|known| text(&known).is_some_and(|known| is_same(&known, name))) {
            list.del_item(at)?;
        }
    }
    Ok(())
}
