use codomyrmex_tracing::trace;

#[trace(kind = sever)]
fn unknown_kind() {}

#[trace(nmae = "load")]
fn unknown_argument() {}

#[trace(attributes(user))]
fn unknown_attribute(id: u32) -> u32 {
    id
}

#[trace(name = "one", name = "two")]
fn twice() {}

#[trace(kind = server err)]
fn no_comma() {}

fn main() {
    unknown_kind();
    unknown_argument();
    unknown_attribute(1);
    twice();
    no_comma();
}
