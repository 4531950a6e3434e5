//! The handler of SIGTERM, and the thread that it wakes.

use std::cell::UnsafeCell;
use std::mem::{MaybeUninit, zeroed};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};
use std::{io, thread};

use libc::{SIGTERM, c_int, c_void, siginfo_t};

/// Whether SIGTERM is to flush.
static ACTIVE: AtomicBool = AtomicBool::new(false);
/// What SIGTERM did before; null until the handler is installed for the first time. Never freed: a handler may be reading it.
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());
/// The process whose thread waits for the signal. A forked child finds its parent's number here.
static WATCHED: AtomicI32 = AtomicI32::new(NOBODY);
/// Whether the process ends after the flush.
static ENDS: AtomicBool = AtomicBool::new(false);
/// The thread that is calling the handler that was there before.
static CALLING: AtomicUsize = AtomicUsize::new(0);

const NOBODY: i32 = 0;
/// Somebody is starting the thread.
const STARTING: i32 = -1;

/// What the handler wakes the thread with: the one way that takes no file descriptor, which the host may close.
struct Bell(UnsafeCell<MaybeUninit<libc::sem_t>>);

// SAFETY: a semaphore is made for several threads; it is set up by the one that changed WATCHED to STARTING, and not used by
// another before WATCHED names the process.
unsafe impl Sync for Bell {}

static BELL: Bell = Bell(UnsafeCell::new(MaybeUninit::uninit()));

impl Bell {
    /// Sets it up, in a forked child anew.
    fn set_up(&self) {
        // SAFETY: nobody else uses it now, as said above; the memory is the process's own and stays where it is.
        unsafe { libc::sem_init(self.0.get().cast(), 0, 0) };
    }

    fn ring(&self) {
        // SAFETY: it has been set up, for WATCHED named this process.
        unsafe { libc::sem_post(self.0.get().cast()) };
    }

    fn wait(&self) {
        // SAFETY: it has been set up before the waiting thread started. An interrupted wait is begun again.
        while unsafe { libc::sem_wait(self.0.get().cast()) } != 0 {}
    }
}

fn process() -> i32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

fn this_thread() -> usize {
    // SAFETY: takes nothing and cannot fail.
    let thread = unsafe { libc::pthread_self() };
    thread as usize
}

/// What SIGTERM does now.
fn current() -> io::Result<libc::sigaction> {
    // SAFETY: all zeroes are a valid value, and the pointer is valid for the call.
    unsafe {
        let mut action = zeroed();
        match libc::sigaction(SIGTERM, ptr::null(), &raw mut action) {
            0 => Ok(action),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn set(action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: both pointers are valid for the call; the action is one that the system gave, or ours.
    match unsafe { libc::sigaction(SIGTERM, action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn address() -> usize {
    handle as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == address()
}

/// Puts the handler in, unless it is there.
pub(super) fn install() -> io::Result<()> {
    let before = current()?;
    ACTIVE.store(true, Ordering::SeqCst);
    if let Err(error) = watch() {
        ACTIVE.store(false, Ordering::SeqCst);
        return Err(error);
    }
    if is_ours(&before) {
        return Ok(());
    }
    let mut ours = before;
    ours.sa_sigaction = address();
    ours.sa_flags |= libc::SA_SIGINFO | libc::SA_ONSTACK;
    ours.sa_flags &= !(libc::SA_RESETHAND | libc::SA_NODEFER);
    if before.sa_sigaction == libc::SIG_DFL || before.sa_sigaction == libc::SIG_IGN {
        // Nobody expects his calls to be interrupted.
        ours.sa_flags |= libc::SA_RESTART;
    }
    BEFORE.store(Box::into_raw(Box::new(before)), Ordering::SeqCst);
    set(&ours)
}

/// Takes the handler out; where another one stands in front of it, it only passes on from now on.
pub(super) fn remove() {
    if !ACTIVE.swap(false, Ordering::SeqCst) {
        return;
    }
    let before = BEFORE.load(Ordering::SeqCst);
    if current().is_ok_and(|current| is_ours(&current)) {
        // SAFETY: set before the handler was, and never freed.
        let _ = set(unsafe { &*before });
    }
}

/// Sees to it that this process has a thread to wake. Called where there is something to flush soon.
pub(crate) fn keep_watch() {
    if ACTIVE.load(Ordering::Relaxed) {
        // Without one, the signal does what it did before.
        let _ = watch();
    }
}

fn watch() -> io::Result<()> {
    let exchanged = WATCHED.compare_exchange(NOBODY, STARTING, Ordering::SeqCst, Ordering::SeqCst);
    if exchanged.is_err() {
        return Ok(());
    }
    BELL.set_up();
    let started = start();
    let watched = if started.is_ok() { process() } else { NOBODY };
    WATCHED.store(watched, Ordering::SeqCst);
    started
}

/// Starts the thread, which never gets a signal: they are for the host's threads.
fn start() -> io::Result<()> {
    // SAFETY: the sets are plain memory, and the pointers are valid for the calls. The thread's mask is as before at the end.
    unsafe {
        let mut all = zeroed();
        let mut before = zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let started = thread::Builder::new()
            .name("codomyrmex-sigterm".into())
            .spawn(work);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        started.map(drop)
    }
}

fn work() {
    loop {
        BELL.wait();
        super::flush_everything();
        if ENDS.swap(false, Ordering::SeqCst) {
            end();
        }
    }
}

/// Ends the process by the signal, as if nobody had handled it. Async-signal-safe. Comes back only where the system ends no
/// such process (the first one of a container), with everything as it was.
fn end() {
    // SAFETY: plain memory, and pointers that are valid for the calls.
    unsafe {
        let mut default: libc::sigaction = zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        let mut ours = zeroed();
        libc::sigaction(SIGTERM, &raw const default, &raw mut ours);
        let mut only = zeroed();
        let mut before = zeroed();
        libc::sigemptyset(&raw mut only);
        libc::sigaddset(&raw mut only, SIGTERM);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const only, &raw mut before);
        libc::raise(SIGTERM);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut());
        libc::sigaction(SIGTERM, &raw const ours, ptr::null_mut());
    }
}

/// In a forked child, which has no such thread yet.
pub(crate) fn reset_after_fork() {
    ENDS.store(false, Ordering::SeqCst);
    CALLING.store(0, Ordering::SeqCst);
    WATCHED.store(NOBODY, Ordering::SeqCst);
}

/// The handler. Async-signal-safe: atomics, `sem_post`, `sigaction`, `getpid`, `pthread_self`, `raise`, and what was there
/// before.
extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the address of this thread's own.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: set before this handler was, and never freed.
    let before = unsafe { &*BEFORE.load(Ordering::SeqCst) };
    let wakes = ACTIVE.load(Ordering::SeqCst) && WATCHED.load(Ordering::SeqCst) == process();
    // A handler that stands in front of this one has taken the decision upon itself.
    let ends = before.sa_sigaction == libc::SIG_DFL && current().is_ok_and(|now| is_ours(&now));
    if wakes {
        if ends {
            ENDS.store(true, Ordering::SeqCst);
        }
        BELL.ring();
    } else if ends {
        // Nothing is there to be flushed.
        end();
    }
    if before.sa_sigaction != libc::SIG_DFL && before.sa_sigaction != libc::SIG_IGN {
        call(before, signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Calls the handler that was there, unless that is how this one is called: two that each found the other would call each
/// other for ever.
fn call(before: &libc::sigaction, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let me = this_thread();
    if CALLING.load(Ordering::SeqCst) == me {
        return;
    }
    let outer = CALLING.swap(me, Ordering::SeqCst);
    // SAFETY: the system would have called it with just these; which of the two forms it has, its flags say.
    unsafe {
        if before.sa_flags & libc::SA_SIGINFO == 0 {
            let handler: extern "C" fn(c_int) = std::mem::transmute(before.sa_sigaction);
            handler(signal);
        } else {
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                std::mem::transmute(before.sa_sigaction);
            handler(signal, info, context);
        }
    }
    CALLING.store(outer, Ordering::SeqCst);
}
