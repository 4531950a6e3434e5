//! Contexts in headers, with whatever people and foreign services put in them.

use std::collections::{BTreeMap, HashMap};

use codomyrmex_core::{
    Baggage, HEADER_NAMES, Redact, Resource, Sampler, SpanContext, SpanId, TraceId, TraceState,
    TraceStateError,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn trace_id() -> impl Strategy<Value = TraceId> {
    any::<[u8; 16]>()
        .prop_map(TraceId::from_bytes)
        .prop_filter("valid", |id| id.is_valid())
}

fn span_id() -> impl Strategy<Value = SpanId> {
    any::<[u8; 8]>()
        .prop_map(SpanId::from_bytes)
        .prop_filter("valid", |id| id.is_valid())
}

/// Any text, with more of what could break something.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9]{1,8}",
        any::<char>().prop_map(String::from),
        proptest::sample::select(vec![
            "%", "%41", "\r\n", ",", ";", "=", " ", "\t", "\u{7f}", "\0", "\"", "\\", "é"
        ])
        .prop_map(str::to_owned),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn trace_state() -> impl Strategy<Value = TraceState> {
    vec(
        ("[a-z0-9][a-z0-9_*/@-]{0,9}", "[ -+--<>-~]{0,9}[!-+--<>-~]"),
        0..8,
    )
    .prop_map(|entries| {
        let mut state = TraceState::default();
        for (key, value) in entries {
            state.insert(&key, &value).unwrap();
        }
        state
    })
}

/// Keys that are no secret, so that all of it travels.
fn baggage() -> impl Strategy<Value = Baggage> {
    vec((text(), text(), "[!-+.-~]{0,6}"), 0..6).prop_map(|members| {
        let mut baggage = Baggage::new();
        for (key, value, metadata) in members {
            let key = format!("k{key}");
            if !Redact::standard().is_secret(&key)
                && baggage
                    .insert_with_metadata(&*key, &*value, metadata)
                    .is_err()
            {
                baggage.insert(key, value);
            }
        }
        baggage
    })
}

prop_compose! {
    fn context()(
        ids in (trace_id(), span_id(), option::of(span_id())),
        texts in (option::of(text()), option::of(text()), option::of(text())),
        sampled in any::<bool>(),
        random in any::<bool>(),
        baggage in baggage(),
        trace_state in trace_state(),
    ) -> SpanContext {
        let or_text = |text: Option<String>, id: String| text.filter(|text| !text.is_empty()).unwrap_or(id);
        let trace = or_text(texts.0, ids.0.to_string());
        let span = or_text(texts.1, ids.1.to_string());
        let parent = ids.2.map(|id| or_text(texts.2, id.to_string()));
        let mut context = SpanContext::from_text(&trace, &span, parent.as_deref());
        context.sampled = sampled;
        context.set_random_trace_id(random);
        context.baggage = baggage;
        context.trace_state = trace_state;
        context
    }
}

proptest! {
    #[test]
    fn headers_go_there_and_back(context in context()) {
        let headers = context.to_headers();
        let back = SpanContext::from_headers(&headers).expect("valid ids");
        prop_assert_eq!(&back, &context);
        prop_assert_eq!(back.random_trace_id(), context.random_trace_id());
        prop_assert!(back.is_remote);

        let shouted: HashMap<String, String> =
            headers.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
        prop_assert_eq!(SpanContext::from_headers(&shouted), Some(back.clone()));
        let sorted: BTreeMap<String, String> = headers.into_iter().collect();
        prop_assert_eq!(SpanContext::from_headers(&sorted), Some(back));
    }

    #[test]
    fn no_header_can_be_broken_open(context in context()) {
        for (name, value) in context.to_headers() {
            prop_assert!(HEADER_NAMES.contains(&name.as_str()));
            prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{}", value);
            prop_assert_eq!(value.trim(), &value);
        }
    }

    #[test]
    fn maps_go_there_and_back(context in context()) {
        let back = SpanContext::from_map(&context.to_map()).expect("complete");
        prop_assert_eq!(back.trace_id_text(), context.trace_id_text());
        prop_assert_eq!(back.span_id_text(), context.span_id_text());
        prop_assert_eq!(back.parent_span_id_text(), context.parent_span_id_text());
        prop_assert_eq!(back.sampled, context.sampled);
        prop_assert!(back.baggage.iter().eq(context.baggage.iter()));
    }

    #[test]
    fn nothing_that_arrives_is_a_panic(values in vec((0..8_usize, text()), 0..12)) {
        let headers: Vec<(&str, String)> = values
            .into_iter()
            .map(|(name, value)| (HEADER_NAMES.get(name).copied().unwrap_or("other"), value))
            .collect();
        if let Some(context) = SpanContext::from_headers(&headers) {
            prop_assert!(context.is_valid());
            let back = SpanContext::from_headers(&context.to_headers());
            prop_assert_eq!(back.map(|back| back.trace_id), Some(context.trace_id));
        }
    }

    #[test]
    fn nearly_right_traceparents_are_no_panic(mut bytes in "00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]".prop_map(String::into_bytes), at in 0..55_usize, byte in any::<u8>()) {
        bytes[at] = byte;
        let value = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(context) = SpanContext::from_headers(&[("traceparent", &value)]) {
            prop_assert!(value.contains(&context.trace_id.to_string()));
            prop_assert!(value.contains(&context.span_id.to_string()));
        }
    }

    #[test]
    fn every_member_of_a_baggage_arrives_or_is_counted(members in vec((text(), text()), 0..90)) {
        let baggage: Baggage = members.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let encoded = baggage.encode();
        prop_assert!(encoded.header().len() <= Baggage::MAX_BYTES);
        let (back, dropped) = Baggage::decode([encoded.header()]);
        prop_assert_eq!(dropped, 0);
        prop_assert_eq!(back.len() + encoded.dropped(), baggage.len());
        for (key, value) in back.iter() {
            prop_assert_eq!(baggage.get(key), Some(value));
        }
    }

    #[test]
    fn foreign_baggage_settles_after_one_pass(header in text()) {
        let (first, _) = Baggage::decode([header.as_str()]);
        let (second, dropped) = Baggage::decode([first.encode().header()]);
        prop_assert_eq!(dropped, 0);
        prop_assert_eq!(second, first);
    }

    #[test]
    fn a_trace_state_is_what_a_list_would_be(operations in vec(("[ab][0-9]?[0-9]?", option::of("[!-+.-<]{1,4}")), 0..120)) {
        let mut state = TraceState::default();
        let mut model: Vec<(String, String)> = Vec::new();
        for (key, value) in operations {
            match value {
                Some(value) => {
                    state.insert(&key, &value).unwrap();
                    model.retain(|(known, _)| *known != key);
                    model.insert(0, (key, value));
                    model.truncate(TraceState::MAX_MEMBERS);
                }
                None => {
                    let before = model.len();
                    model.retain(|(known, _)| *known != key);
                    prop_assert_eq!(state.remove(&key), model.len() != before);
                }
            }
            prop_assert!(state.iter().eq(model.iter().map(|(key, value)| (key.as_str(), value.as_str()))));
            prop_assert_eq!(state.to_string().parse::<TraceState>(), Ok(state.clone()));
        }
    }

    #[test]
    fn a_trace_state_is_valid_or_an_error(text in text()) {
        match text.parse::<TraceState>() {
            Ok(state) => prop_assert!(state.as_str().bytes().all(|byte| (b' '..=b'~').contains(&byte))),
            Err(error) => prop_assert_ne!(error, TraceStateError::TooMany),
        }
    }

    #[test]
    fn ids_go_there_and_back_as_text_and_words(bytes in any::<[u8; 16]>()) {
        let id = TraceId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(TraceId::from_words(id.to_words()), id);
        prop_assert_eq!(TraceId::from_text(&id.to_string()), id);
        prop_assert_eq!(u128::from_be_bytes(bytes) as u64, id.low());
    }

    #[test]
    fn ratios_are_nested(low in 0.0..=1.0_f64, high in 0.0..=1.0_f64, id in any::<u64>()) {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        if Sampler::ratio(low).decide_fast(None, id) == Some(true) {
            prop_assert_eq!(Sampler::ratio(high).decide_fast(None, id), Some(true));
        }
    }

    #[test]
    fn a_secret_is_found_by_the_word_rule(key in "[a-eA-E._0-9é-]{0,24}", word in "[a-c]{1,3}(_[a-c]{1,2})?") {
        let redact = Redact::off().with_words([word.as_str()]);
        let found = (0..=key.len()).any(|at| starts_with_word(&key, at, &word));
        prop_assert_eq!(redact.is_secret(&key), found, "{} in {}", word, key);
    }

    #[test]
    fn a_cleaned_url_is_clean(user in "[^/?#\\\\@]{0,8}", host in "[a-z.]{1,8}", rest in "(/[a-z@:/]{0,8})?") {
        let redact = Redact::default();
        let clean = format!("https://{host}{rest}");
        prop_assert_eq!(redact.clean_url(&format!("https://{user}@{host}{rest}")), Some(clean.clone()));
        prop_assert_eq!(redact.clean_url(&clean), None);
    }

    #[test]
    fn parsing_settings_never_panics(text in text()) {
        let _ = text.parse::<Redact>();
        let _ = Resource::parse(&text);
        let _ = Sampler::parse(&text, Some(&text));
        let _ = Redact::default().is_secret(&text);
        let _ = Redact::default().clean_url(&text);
    }
}

/// The rule as it is written down, without any of the shortcuts.
fn starts_with_word(key: &str, at: usize, word: &str) -> bool {
    let Some(rest) = key.get(at..) else {
        return false;
    };
    let letters: Vec<char> = word
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .collect();
    let mut taken = 0;
    let mut end = at;
    for letter in rest.chars() {
        if taken == letters.len() {
            break;
        }
        end += letter.len_utf8();
        if !letter.is_alphanumeric() && taken != 0 {
            continue;
        }
        if letter.to_ascii_lowercase() != letters[taken] {
            return false;
        }
        taken += 1;
    }
    taken == letters.len() && between_words(key, at) && between_words(key, end)
}

fn between_words(key: &str, at: usize) -> bool {
    let (Some(before), Some(after)) = (key[..at].chars().next_back(), key[at..].chars().next())
    else {
        return true;
    };
    let following = key[at..].chars().nth(1);
    !before.is_alphanumeric()
        || !after.is_alphanumeric()
        || before.is_ascii_digit() != after.is_ascii_digit()
        || before.is_lowercase() && after.is_uppercase()
        || before.is_uppercase()
            && after.is_uppercase()
            && following.is_some_and(char::is_lowercase)
}
