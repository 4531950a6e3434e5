//! Attributes made of whatever an argument is.

use std::fmt;
use std::path::{self, Path};

use codomyrmex_core::AttributeValue;

use super::Probe;

/// A value that is taken as it is, or that is not there.
#[derive(Debug)]
pub struct Given<'a>(Option<AttributeValue<'a>>);

/// A value that is formatted, if the span is recorded.
#[derive(Debug)]
pub struct Shown<T>(T);

/// A value for whose format there is only `Debug`.
#[derive(Debug)]
pub struct Described<T>(T);

impl<'a> Given<'a> {
    /// The attribute; `formatted` is not looked at.
    #[inline]
    pub fn to_attribute<'b>(&self, _formatted: fmt::Arguments<'b>) -> Option<AttributeValue<'b>>
    where
        'a: 'b,
    {
        self.0
    }
}

impl<T> Shown<T> {
    /// The attribute that is `formatted`: this value by its `Display`.
    #[inline]
    pub fn to_attribute<'b>(&self, formatted: fmt::Arguments<'b>) -> Option<AttributeValue<'b>> {
        Some(AttributeValue::Display(formatted))
    }
}

impl<T> Described<T> {
    /// The attribute that is `formatted`: this value by its `Debug`.
    #[inline]
    pub fn to_attribute<'b>(&self, formatted: fmt::Arguments<'b>) -> Option<AttributeValue<'b>> {
        Some(AttributeValue::Display(formatted))
    }
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Display for Described<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A reference to it is a value: `String`, `Vec<u8>`.
pub trait PickReference<'v> {
    /// The attribute.
    fn pick_attribute(&self) -> Given<'v>;
}

impl<'v, T: ?Sized> PickReference<'v> for &&&&&&&Probe<&'v T>
where
    &'v T: Into<AttributeValue<'v>>,
{
    #[inline]
    fn pick_attribute(&self) -> Given<'v> {
        Given(Some(self.0.into()))
    }
}

/// It is a value: `u32`, `&str`.
pub trait PickValue<'v> {
    /// The attribute.
    fn pick_attribute(&self) -> Given<'v>;
}

impl<'v, T> PickValue<'v> for &&&&&&Probe<&T>
where
    T: Copy + Into<AttributeValue<'v>>,
{
    #[inline]
    fn pick_attribute(&self) -> Given<'v> {
        Given(Some((*self.0).into()))
    }
}

/// What it refers to is a value: `&u32`, `&String`.
pub trait PickReferred<'v> {
    /// The attribute.
    fn pick_attribute(&self) -> Given<'v>;
}

impl<'v, T> PickReferred<'v> for &&&&&Probe<&&T>
where
    T: Copy + Into<AttributeValue<'v>>,
{
    #[inline]
    fn pick_attribute(&self) -> Given<'v> {
        Given(Some((**self.0).into()))
    }
}

/// There may be a value; where there is none, there is no attribute.
pub trait PickOption<'v> {
    /// The attribute.
    fn pick_attribute(&self) -> Given<'v>;
}

impl<'v, T> PickOption<'v> for &&&&&Probe<&Option<T>>
where
    T: Copy + Into<AttributeValue<'v>>,
{
    #[inline]
    fn pick_attribute(&self) -> Given<'v> {
        Given(self.0.map(Into::into))
    }
}

/// There may be text; where there is none, there is no attribute.
pub trait PickOptionText<'v> {
    /// The attribute.
    fn pick_attribute(&self) -> Given<'v>;
}

impl<'v> PickOptionText<'v> for &&&&&Probe<&'v Option<String>> {
    #[inline]
    fn pick_attribute(&self) -> Given<'v> {
        Given(self.0.as_ref().map(Into::into))
    }
}

/// It is a path, whose `Debug` would quote it.
pub trait PickPath<'v> {
    /// The attribute.
    fn pick_attribute(&self) -> Shown<path::Display<'v>>;
}

impl<'v, T: AsRef<Path> + ?Sized> PickPath<'v> for &&&&Probe<&'v T> {
    #[inline]
    fn pick_attribute(&self) -> Shown<path::Display<'v>> {
        Shown(self.0.as_ref().display())
    }
}

/// It has a `Display`.
pub trait PickDisplay<'v, T: ?Sized> {
    /// The attribute.
    fn pick_attribute(&self) -> Shown<&'v T>;
}

impl<'v, T: fmt::Display + ?Sized> PickDisplay<'v, T> for &&&Probe<&'v T> {
    #[inline]
    fn pick_attribute(&self) -> Shown<&'v T> {
        Shown(self.0)
    }
}

/// It has a `Debug`.
pub trait PickDebug<'v, T: ?Sized> {
    /// The attribute.
    fn pick_attribute(&self) -> Described<&'v T>;
}

impl<'v, T: fmt::Debug + ?Sized> PickDebug<'v, T> for &&Probe<&'v T> {
    #[inline]
    fn pick_attribute(&self) -> Described<&'v T> {
        Described(self.0)
    }
}

/// It has nothing that could be recorded: the place of the error message.
pub trait PickNothing<T: ?Sized> {
    /// Does not compile.
    fn pick_attribute(&self) -> Given<'static>
    where
        T: Attribute;
}

impl<T: ?Sized> PickNothing<T> for &Probe<&T> {
    fn pick_attribute(&self) -> Given<'static>
    where
        T: Attribute,
    {
        Given(None)
    }
}

/// What can become an attribute's value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become an attribute",
    label = "neither an attribute's value nor `Display` nor `Debug`",
    note = "write `key = expression` in `attributes(…)` to record a part of it"
)]
pub trait Attribute {}
