use std::collections::{BTreeMap, HashMap};

/// Where incoming headers are looked up.
///
/// Maps and lists of pairs find a name in any case. A closure is given the name in lower case, and hands every value
/// under it to the function that it is given:
///
/// ```
/// use codomyrmex_core::SpanContext;
///
/// let lines = "TraceParent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nHost: example.com";
/// let context = SpanContext::from_headers(&|name: &str, visit: &mut dyn FnMut(&str)| {
///     for (known, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
///         if known.eq_ignore_ascii_case(name) {
///             visit(value);
///         }
///     }
/// });
/// assert!(context.is_some_and(|context| context.sampled));
/// ```
pub trait HeaderSource {
    /// Calls `visit` with each value of the header `name`, which is given in lower case, in the order of arrival.
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str));

    /// Calls `visit` with every name and value whose name begins with `prefix`, in any case: for formats that put a part of
    /// their own into names. A source that cannot list its names, such as a closure, visits nothing.
    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        let _ = (prefix, visit);
    }
}

impl<F: Fn(&str, &mut dyn FnMut(&str))> HeaderSource for F {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        self(name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>> HeaderSource for [(K, V)] {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        visit_pairs(self.iter().map(|(key, value)| (key, value)), name, visit);
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        visit_beginning(self.iter().map(|(key, value)| (key, value)), prefix, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> HeaderSource for [(K, V); N] {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        self.as_slice().each(name, visit);
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        self.as_slice().each_beginning(prefix, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>> HeaderSource for Vec<(K, V)> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        self.as_slice().each(name, visit);
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        self.as_slice().each_beginning(prefix, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>, S> HeaderSource for HashMap<K, V, S> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        visit_pairs(self, name, visit);
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        visit_beginning(self, prefix, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>> HeaderSource for BTreeMap<K, V> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        visit_pairs(self, name, visit);
    }

    fn each_beginning(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) {
        visit_beginning(self, prefix, visit);
    }
}

fn visit_pairs<'a, K: AsRef<str> + 'a, V: AsRef<str> + 'a>(
    pairs: impl IntoIterator<Item = (&'a K, &'a V)>,
    name: &str,
    visit: &mut dyn FnMut(&str),
) {
    for (key, value) in pairs {
        let key = key.as_ref();
        // Most are written as they are asked for, and comparing bytes is quicker.
        if key == name || key.eq_ignore_ascii_case(name) {
            visit(value.as_ref());
        }
    }
}

fn visit_beginning<'a, K: AsRef<str> + 'a, V: AsRef<str> + 'a>(
    pairs: impl IntoIterator<Item = (&'a K, &'a V)>,
    prefix: &str,
    visit: &mut dyn FnMut(&str, &str),
) {
    for (key, value) in pairs {
        let name = key.as_ref();
        if begins_with(name, prefix) {
            visit(name, value.as_ref());
        }
    }
}

/// Whether `name` begins with `prefix`, in any case.
pub(crate) fn begins_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &(impl HeaderSource + ?Sized)) -> Vec<String> {
        let mut values = Vec::new();
        source.each("x-sampled", &mut |value| values.push(value.to_owned()));
        values
    }

    #[test]
    fn every_collection_finds_names_in_any_case() {
        let pairs = [("X-Sampled", "1"), ("x-other", "2"), ("x-sampled", "3")];
        assert_eq!(found(&pairs), ["1", "3"]);
        assert_eq!(found(&pairs[1..]), ["3"]);
        assert_eq!(found(&pairs.to_vec()), ["1", "3"]);
        assert_eq!(found(&BTreeMap::from(pairs)), ["1", "3"]);
        let owned: HashMap<String, String> = [("X-SAMPLED".to_owned(), "4".to_owned())].into();
        assert_eq!(found(&owned), ["4"]);
    }

    #[test]
    fn names_are_found_by_their_beginning() {
        let pairs = [
            ("uberctx-a", "1"),
            ("é", "2"),
            ("Uberctx-B", "3"),
            ("uber", "4"),
        ];
        let names = |source: &dyn HeaderSource| {
            let mut names = Vec::new();
            source.each_beginning("uberctx-", &mut |name, value| {
                names.push(format!("{name}={value}"));
            });
            names.sort();
            names
        };
        let expected = ["Uberctx-B=3", "uberctx-a=1"];
        assert_eq!(names(&pairs), expected);
        assert_eq!(names(&pairs.to_vec()), expected);
        assert_eq!(names(&BTreeMap::from(pairs)), expected);
        assert_eq!(names(&HashMap::from(pairs)), expected);
    }
}
