//! The floor: two raw clock reads, which is what any span must do.

use std::hint::black_box;

use codomyrmex_bench::case::{self, CHILDREN, Case};
use codomyrmex_bench::serve::{self, Exported, Section};

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn ticks() -> u64 {
    // SAFETY: every x86-64 processor has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn ticks() -> u64 {
    let ticks: u64;
    // SAFETY: reads the virtual counter, which the kernel leaves open to user space.
    unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
    ticks
}

fn main() {
    match Case::from_arguments() {
        Case::Startup | Case::Linked => return,
        Case::Memory | Case::Inject | Case::Extract => case::not_offered(),
        _ => {}
    }
    let section = Section {
        operations: CHILDREN,
        exported: 0,
    };
    let reads = || {
        for _ in 0..CHILDREN {
            black_box(ticks());
            black_box(ticks());
        }
    };
    serve::thread(section, reads, Exported::default);
}
