//! The text of an exception with its stack and its causes, walked natively.
//!
//! It reads like Python's own, without the source lines: those would be read from files.

use std::collections::HashSet;
use std::fmt::Write as _;

use pyo3::exceptions::PyBaseException;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::convert;
use crate::module::state;
use crate::text;

/// So many frames of one traceback are written, from both ends.
const FRAMES: usize = 128;
/// So many exceptions of a chain.
const CHAIN: usize = 16;
/// The longest message, bytes.
const MESSAGE: usize = 64 << 10;
/// So deep may groups of exceptions stand in each other.
const DEPTH: usize = 8;
/// So many sub-exceptions of one group are written.
const WIDTH: usize = 16;
/// So many of all groups together.
const MEMBERS: usize = 64;
/// No further one is begun behind so many bytes of them.
const BYTES: usize = 512 << 10;

const CAUSE: &str = "\nThe above exception was the direct cause of the following exception:\n\n";
const CONTEXT: &str = "\nDuring handling of the above exception, another exception occurred:\n\n";

/// The name of an exception's type, with its module where that is not `builtins`.
pub(crate) fn type_name(exception: &Bound<'_, PyAny>) -> String {
    let class = exception.get_type();
    let name = class.qualname().map_or_else(
        |_| "?".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    match class.module() {
        Ok(module) if module != "builtins" => format!("{}.{name}", module.to_string_lossy()),
        _ => name,
    }
}

/// The whole text: causes first, as Python does, and behind a group its sub-exceptions.
pub(crate) fn write(exception: &Bound<'_, PyAny>) -> String {
    let mut out = String::new();
    Writing::default().write_chain(&mut out, exception, 0);
    out
}

/// What has been written of one exception and all that hangs on it.
#[derive(Default)]
struct Writing {
    /// The addresses of the exceptions so far: they may refer to each other in circles.
    seen: HashSet<usize>,
    /// So many sub-exceptions so far.
    members: usize,
    /// Bytes of the sub-exceptions' texts so far.
    bytes: usize,
}

impl Writing {
    fn write_chain(&mut self, out: &mut String, exception: &Bound<'_, PyAny>, depth: usize) {
        self.seen.insert(exception.as_ptr().addr());
        let mut chain = vec![(exception.clone(), "")];
        while chain.len() < CHAIN {
            let Some((last, _)) = chain.last() else { break };
            let Some((earlier, relation)) = cause(last) else {
                break;
            };
            if !self.seen.insert(earlier.as_ptr().addr()) {
                break;
            }
            if let Some((_, before)) = chain.last_mut() {
                *before = relation;
            }
            chain.push((earlier, ""));
        }
        for (exception, relation) in chain.iter().rev() {
            out.push_str(relation);
            write_one(out, exception);
            self.write_members(out, exception, depth);
        }
    }

    /// The sub-exceptions of a group, each with its own stack and causes.
    fn write_members(&mut self, out: &mut String, group: &Bound<'_, PyAny>, depth: usize) {
        let Some(members) = members(group) else {
            return;
        };
        let count = members.len();
        let mut shown = 0;
        for member in members.iter().take(WIDTH) {
            if depth >= DEPTH || self.members >= MEMBERS || self.bytes >= BYTES {
                break;
            }
            shown += 1;
            self.members += 1;
            let mut text = String::new();
            if self.seen.contains(&member.as_ptr().addr()) {
                write_message(&mut text, &member);
            } else {
                self.write_chain(&mut text, &member, depth + 1);
            }
            self.bytes += text.len();
            let _ = writeln!(
                out,
                "  +---------------- {shown} of {count} ----------------"
            );
            for line in text.lines() {
                let _ = writeln!(out, "  | {line}");
            }
        }
        if shown < count {
            let _ = writeln!(out, "  + [{} sub-exceptions left out]", count - shown);
        }
        out.push_str("  +----------------------------------------\n");
    }
}

/// The sub-exceptions of a group: of `ExceptionGroup`, of its backport, and of whatever else has them as `exceptions`.
fn members<'py>(exception: &Bound<'py, PyAny>) -> Option<Bound<'py, PyTuple>> {
    let members = exception
        .getattr(pyo3::intern!(exception.py(), "exceptions"))
        .ok()?
        .cast_into::<PyTuple>()
        .ok()?;
    let all = members
        .iter()
        .all(|member| member.is_instance_of::<PyBaseException>());
    (all && !members.is_empty()).then_some(members)
}

/// What an exception came of, and the words between them.
fn cause<'py>(exception: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyAny>, &'static str)> {
    let py = exception.py();
    // SAFETY: the type is checked; all three give owned references or null.
    unsafe {
        if ffi::PyExceptionInstance_Check(exception.as_ptr()) == 0 {
            return None;
        }
        if let Some(cause) =
            Bound::from_owned_ptr_or_opt(py, ffi::PyException_GetCause(exception.as_ptr()))
        {
            return Some((cause, CAUSE));
        }
        let suppressed = exception.getattr(pyo3::intern!(py, "__suppress_context__"));
        if suppressed.is_ok_and(|suppressed| suppressed.is_truthy().unwrap_or(false)) {
            return None;
        }
        let context =
            Bound::from_owned_ptr_or_opt(py, ffi::PyException_GetContext(exception.as_ptr()))?;
        Some((context, CONTEXT))
    }
}

fn write_one(out: &mut String, exception: &Bound<'_, PyAny>) {
    // SAFETY: the type is checked; the traceback is owned until the end of the block.
    unsafe {
        if ffi::PyExceptionInstance_Check(exception.as_ptr()) != 0 {
            let traceback = ffi::PyException_GetTraceback(exception.as_ptr());
            if !traceback.is_null() {
                out.push_str("Traceback (most recent call last):\n");
                write_frames(out, traceback);
                ffi::Py_DECREF(traceback);
            }
        }
    }
    write_message(out, exception);
    write_notes(out, exception);
}

/// The last line of an exception: its type and its message.
fn write_message(out: &mut String, exception: &Bound<'_, PyAny>) {
    out.push_str(&type_name(exception));
    let message = convert::text(exception);
    if !message.is_empty() {
        let mut end = message.len().min(MESSAGE);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        out.push_str(": ");
        out.push_str(&message[..end]);
    }
    out.push('\n');
}

/// `add_note()` of Python 3.11 and later.
fn write_notes(out: &mut String, exception: &Bound<'_, PyAny>) {
    let Ok(notes) = exception.getattr(pyo3::intern!(exception.py(), "__notes__")) else {
        return;
    };
    let Ok(notes) = notes.cast_into::<pyo3::types::PyList>() else {
        return;
    };
    for note in notes.iter().take(CHAIN) {
        out.push_str(&convert::text(&note));
        out.push('\n');
    }
}

/// One line a frame, oldest call first.
unsafe fn write_frames(out: &mut String, traceback: *mut PyObject) {
    // SAFETY: a traceback's chain stays alive with its head, which the caller owns.
    unsafe {
        let mut depth = 0;
        let mut entry = traceback.cast::<ffi::PyTracebackObject>();
        while !entry.is_null() {
            depth += 1;
            entry = (*entry).tb_next;
        }
        let mut entry = traceback.cast::<ffi::PyTracebackObject>();
        let mut at = 0;
        while !entry.is_null() {
            if depth > FRAMES && at == FRAMES / 2 {
                let left_out = depth - FRAMES;
                let _ = writeln!(out, "  [{left_out} frames left out]");
                for _ in 0..left_out {
                    entry = (*entry).tb_next;
                }
                at += left_out;
            }
            write_frame(out, &*entry);
            entry = (*entry).tb_next;
            at += 1;
        }
    }
}

unsafe fn write_frame(out: &mut String, entry: &ffi::PyTracebackObject) {
    // SAFETY: the entry holds its frame; the code and its names are owned while they are read.
    unsafe {
        let code = ffi::PyFrame_GetCode(entry.tb_frame);
        let line = if entry.tb_lineno > 0 {
            entry.tb_lineno
        } else {
            ffi::PyCode_Addr2Line(code, entry.tb_lasti)
        };
        out.push_str("  File \"");
        push_attribute(out, code.cast(), state().code_file);
        let _ = write!(out, "\", line {line}, in ");
        push_attribute(out, code.cast(), state().code_name);
        out.push('\n');
        ffi::Py_DECREF(code.cast());
    }
}

unsafe fn push_attribute(out: &mut String, object: *mut PyObject, name: *mut PyObject) {
    // SAFETY: the caller owns `object`; the value is owned while it is read.
    unsafe {
        let value = ffi::PyObject_GetAttr(object, name);
        if value.is_null() {
            ffi::PyErr_Clear();
            out.push('?');
            return;
        }
        out.push_str(&text::lossy(value));
        ffi::Py_DECREF(value);
    }
}
