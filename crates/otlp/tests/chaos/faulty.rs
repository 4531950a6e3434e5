//! A receiver that remembers which spans it took and what it said of them, with faults.

use std::io::{BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use codomyrmex_wire::{TracesView, ValueView};

use crate::load::NUMBER;
use crate::random::Random;
use crate::receiver::read;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What is done with a request.
enum Act {
    /// Takes it and says so.
    Take,
    /// Takes it, and ends the connection without a word.
    TakeSilently,
    /// Does not take it, and answers this.
    Refuse(&'static [u8]),
    /// Does not take it, and ends the connection.
    Reset,
    /// Does not take it, and never answers.
    Stall,
}

/// Which faults there are.
pub(crate) struct Faults(Option<Random>);

impl Faults {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn at_random(seed: u64) -> Self {
        Self(Some(Random::new(seed)))
    }

    /// Whether a new connection is ended before anything is read from it.
    fn resets_connection(&mut self) -> bool {
        self.0.as_mut().is_some_and(|random| random.percent() < 10)
    }

    fn act(&mut self) -> Act {
        let Some(random) = &mut self.0 else {
            return Act::Take;
        };
        match random.percent() {
            0..70 => Act::Take,
            70..75 => Act::TakeSilently,
            75..82 => Act::Refuse(b"HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"),
            82..87 => Act::Refuse(b"HTTP/1.1 429 X\r\ncontent-length: 0\r\nretry-after: 1\r\n\r\n"),
            87..90 => Act::Refuse(b"HTTP/1.1 400 X\r\ncontent-length: 0\r\n\r\n"),
            90..98 => Act::Reset,
            _ => Act::Stall,
        }
    }
}

/// Spans by their numbers.
#[derive(Clone, Default)]
struct Numbers {
    bits: Vec<u64>,
    count: u64,
}

impl Numbers {
    /// False where it was there.
    fn add(&mut self, number: u64) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += u64::from(is_new);
        is_new
    }
}

/// What arrived.
#[derive(Default)]
struct Book {
    /// In requests that were answered with success.
    confirmed: Numbers,
    /// In requests that were taken, answered or not.
    taken: Numbers,
    /// Of the spans taken, those that had been taken before.
    again: u64,
    /// Of the spans confirmed, those that had been confirmed before.
    confirmed_again: u64,
    /// Spans confirmed on connections that the client then ended: it may not have read the answer.
    unsure: u64,
    requests: u64,
    connections: u64,
}

/// What arrived, in spans.
#[derive(Clone, Copy)]
pub(crate) struct Arrived {
    pub(crate) confirmed: u64,
    pub(crate) confirmed_again: u64,
    pub(crate) unsure: u64,
    pub(crate) taken: u64,
    pub(crate) again: u64,
    pub(crate) requests: u64,
}

struct Shared {
    faults: Mutex<Faults>,
    book: Mutex<Book>,
    changed: Condvar,
}

pub(crate) struct Faulty(Arc<Shared>);

impl Faulty {
    pub(crate) fn start(listener: TcpListener, faults: Faults) -> Self {
        let shared = Arc::new(Shared {
            faults: Mutex::new(faults),
            book: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = accepting.clone();
                shared.book.lock().unwrap().connections += 1;
                thread::spawn(move || {
                    if !shared.faults.lock().unwrap().resets_connection() {
                        shared.serve(&stream);
                    }
                    let _ = stream.shutdown(Shutdown::Both);
                    shared.book.lock().unwrap().connections -= 1;
                    shared.changed.notify_all();
                });
            }
        });
        Self(shared)
    }

    /// Waits until all connections have ended.
    pub(crate) fn await_silence(&self) {
        let book = self.0.book.lock().unwrap();
        drop(self.0.changed.wait_while(book, |book| book.connections > 0));
    }

    pub(crate) fn arrived(&self) -> Arrived {
        let book = self.0.book.lock().unwrap();
        Arrived {
            confirmed: book.confirmed.count,
            confirmed_again: book.confirmed_again,
            unsure: book.unsure,
            taken: book.taken.count,
            again: book.again,
            requests: book.requests,
        }
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        // Spans of the last answer of success: read for sure once the next request comes.
        let mut unsure = 0;
        while let Some(request) = read(0, &mut reader) {
            unsure = 0;
            let act = self.faults.lock().unwrap().act();
            let answer = match act {
                Act::Take => {
                    unsure = self.take(&request.body, true);
                    OK
                }
                Act::TakeSilently => {
                    self.take(&request.body, false);
                    return;
                }
                Act::Refuse(answer) => answer,
                Act::Reset => return,
                Act::Stall => {
                    let _ = std::io::copy(&mut reader, &mut std::io::sink());
                    return;
                }
            };
            if (&mut &*stream).write_all(answer).is_err() {
                break;
            }
        }
        self.book.lock().unwrap().unsure += unsure;
    }

    fn take(&self, body: &[u8], confirmed: bool) -> u64 {
        let traces = TracesView::parse(body).unwrap();
        let mut book = self.book.lock().unwrap();
        book.requests += 1;
        let mut count = 0;
        for span in traces.spans() {
            let Some(ValueView::Int(number)) = span.attribute(NUMBER) else {
                panic!("a span without its number");
            };
            count += 1;
            book.again += u64::from(!book.taken.add(number as u64));
            if confirmed {
                book.confirmed_again += u64::from(!book.confirmed.add(number as u64));
            }
        }
        count
    }
}
