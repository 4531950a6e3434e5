//! What every handle of an open span can do, for `span.rs`.

/// The methods that every handle of an open span has; `self.handle()` says which record it stands for.
macro_rules! span_methods {
    ($type:ty $(, $lifetime:lifetime)?) => {
        impl $(<$lifetime>)? $type {
            /// Sets an attribute; the last value of an equal key wins. Values: texts, integers, floats, booleans, bytes,
            /// slices of these, [`Value`], and `format_args!(…)`, which is formatted only if the span is recorded.
            /// A value whose key names a secret becomes `[redacted]` (see [`Redact`](crate::Redact)).
            #[inline]
            pub fn set_attribute<'v>(&self, key: &str, value: impl Into<AttributeValue<'v>>) -> &Self {
                match value.into() {
                    AttributeValue::Display(text) => self.set_formatted(key, text),
                    value => self.handle().set_attribute(key, value),
                }
                self
            }

            #[cold]
            #[inline(never)]
            fn set_formatted(&self, key: &str, text: fmt::Arguments<'_>) {
                if self.is_recording() {
                    // This runs the user's code, which may end the span for which a handle of the current one stands.
                    let text = formatted(text);
                    self.handle().set_attribute(key, AttributeValue::Str(&text));
                }
            }

            /// Sets several attributes.
            pub fn set_attributes(&self, attributes: &[(&str, AttributeValue<'_>)]) -> &Self {
                for (key, value) in attributes {
                    self.set_attribute(key, *value);
                }
                self
            }

            /// Adds an event that happens now.
            pub fn add_event(&self, name: &str, attributes: &[(&str, AttributeValue<'_>)]) -> &Self {
                with_texts(|| self.is_recording(), attributes, |attributes| {
                    self.handle().add_event(name, None, attributes)
                });
                self
            }

            /// Adds an event that happened at `time`.
            pub fn add_event_at(
                &self,
                name: &str,
                time: SystemTime,
                attributes: &[(&str, AttributeValue<'_>)],
            ) -> &Self {
                let time = Some(clock::unix_ns_of(time));
                with_texts(|| self.is_recording(), attributes, |attributes| {
                    self.handle().add_event(name, time, attributes)
                });
                self
            }

            /// Adds a link to another span.
            pub fn add_link(&self, to: &SpanContext, attributes: &[(&str, AttributeValue<'_>)]) -> &Self {
                with_texts(|| self.is_recording(), attributes, |attributes| {
                    self.handle().add_link(to, attributes)
                });
                self
            }

            /// Sets the status. OK is final; ERROR stands over UNSET; the message counts with ERROR alone.
            pub fn set_status(&self, status: SpanStatus, message: &str) -> &Self {
                self.handle().set_status(status, message);
                self
            }

            /// Adds an `exception` event with the error's type, message and causes, and sets the status ERROR with the
            /// message.
            pub fn record_error<E: Error + ?Sized>(&self, error: &E) -> &Self {
                if self.is_recording() {
                    let kind = std::any::type_name::<E>();
                    let kind = if kind.starts_with("dyn ") { "" } else { kind };
                    let message = formatted(format_args!("{error}"));
                    let causes = causes(error);
                    self.handle().record_exception(kind, &message, &causes);
                }
                self
            }

            /// As [`record_error`](Self::record_error), for errors that are only a text. Empty texts are left out.
            pub fn record_exception(&self, kind: &str, message: &str, stacktrace: &str) -> &Self {
                self.handle().record_exception(kind, message, stacktrace);
                self
            }

            /// Replaces the name.
            pub fn update_name(&self, name: &str) -> &Self {
                if let Some(record) = self.handle().recording() {
                    record.body.rename(name);
                    record.marks.short_finish = false;
                }
                self
            }

            /// Replaces the kind.
            pub fn set_kind(&self, kind: SpanKind) -> &Self {
                if let Some(record) = self.handle().recording() {
                    record.set_kind(kind.otlp());
                }
                self
            }

            /// Puts an entry into the span's baggage, which children started from now on inherit and headers carry.
            pub fn set_baggage(&self, key: &str, value: &str) -> &Self {
                self.handle().set_baggage(key, value);
                self
            }

            /// The span's context; an invalid one where the tracer is off.
            pub fn context(&self) -> SpanContext {
                self.handle()
                    .record()
                    .map_or_else(|| SpanContext::new(TraceId::INVALID, SpanId::INVALID), |record| record.context())
            }

            /// The id of the span's trace; invalid where the tracer is off.
            pub fn trace_id(&self) -> TraceId {
                self.handle().record().map_or(TraceId::INVALID, |record| TraceId::from_words(record.trace_id))
            }

            /// The span's id; invalid where the tracer is off.
            pub fn span_id(&self) -> SpanId {
                self.handle().record().map_or(SpanId::INVALID, |record| SpanId::from_word(record.span_id))
            }

            /// Whether what is set here is recorded.
            #[inline]
            pub fn is_recording(&self) -> bool {
                self.handle().recording().is_some()
            }
        }

        impl $(<$lifetime>)? fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type))
                    .field("trace_id", &self.trace_id())
                    .field("span_id", &self.span_id())
                    .field("recording", &self.is_recording())
                    .finish()
            }
        }
    };
}

pub(crate) use span_methods;
