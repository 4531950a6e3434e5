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
}

impl<K: AsRef<str>, V: AsRef<str>, const N: usize> HeaderSource for [(K, V); N] {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        self.as_slice().each(name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>> HeaderSource for Vec<(K, V)> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        self.as_slice().each(name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>, S> HeaderSource for HashMap<K, V, S> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        visit_pairs(self, name, visit);
    }
}

impl<K: AsRef<str>, V: AsRef<str>> HeaderSource for BTreeMap<K, V> {
    fn each(&self, name: &str, visit: &mut dyn FnMut(&str)) {
        visit_pairs(self, name, visit);
    }
}

fn visit_pairs<'a, K: AsRef<str> + 'a, V: AsRef<str> + 'a>(
    pairs: impl IntoIterator<Item = (&'a K, &'a V)>,
    name: &str,
    visit: &mut dyn FnMut(&str),
) {
    for (key, value) in pairs {
        if key.as_ref().eq_ignore_ascii_case(name) {
            visit(value.as_ref());
        }
    }
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
}
