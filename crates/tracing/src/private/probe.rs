/// Something whose traits decide what is done with it.
///
/// The modules [`attribute`](super::attribute) and [`error`](super::error) have a trait a case, each implemented for one
/// reference to a probe more than the next. A call through many references finds the first case that holds, and does so
/// where the type is known only by its bounds, too.
#[derive(Debug)]
pub struct Probe<T>(pub T);
