use codomyrmex_tracing::trace;

struct Order;

#[trace(attributes(order))]
fn no_attribute(order: Order) {}

#[trace(tracer = 3)]
fn no_tracer() {}

#[trace(err)]
fn no_result() -> u32 {
    3
}

#[trace]
fn wrong_body() -> u32 {
    "text"
}

#[trace]
async fn wrong_error() -> Result<u32, std::num::ParseIntError> {
    let number: f32 = "3".parse()?;
    Ok(number as u32)
}

fn main() {}
