use codomyrmex_tracing::trace;

#[trace]
const fn constant() -> u32 {
    3
}

#[trace]
struct Record;

trait Store {
    #[trace]
    fn get(&self);
}

#[trace]
impl Record {
    fn get(&self) {}
}

fn main() {
    constant();
}
