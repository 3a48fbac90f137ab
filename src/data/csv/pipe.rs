//! What comes through a pipe, read by a thread of its own, so that it is known whether more is there already.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;

use crate::data::read::is_parquet;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 16;
/// Blocks that may wait.
const AHEAD: usize = 4;

/// The reading end of a pipe.
pub(crate) struct Pipe {
    name: String,
    state: Rc<RefCell<State>>,
}

/// Tells whether a pipe has anything to read.
pub(super) struct Watch(Rc<RefCell<State>>);

struct State {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    /// Bytes of the block that were taken.
    taken: usize,
    /// What the thread said beside blocks, until it is told.
    error: Option<io::Error>,
    ended: bool,
}

impl Pipe {
    /// Begins to read. `name` is for messages.
    pub(crate) fn new(name: &str, mut from: impl Read + Send + 'static) -> io::Result<Self> {
        let (send, blocks) = sync_channel(AHEAD);
        let read = move || {
            loop {
                let mut block = vec![0; BLOCK];
                let read = match from.read(&mut block) {
                    Ok(0) => return,
                    Ok(count) => {
                        block.truncate(count);
                        Ok(block)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                // Nobody listens any more when the program ends.
                if send.send(read).is_err() || failed {
                    return;
                }
            }
        };
        thread::Builder::new().name("pipe".to_owned()).spawn(read)?;
        let state = State {
            blocks,
            block: Vec::new(),
            taken: 0,
            error: None,
            ended: false,
        };
        Ok(Self {
            name: name.to_owned(),
            state: Rc::new(RefCell::new(state)),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What parts the columns: tabs, if there are more of them than commas in what comes first of the first line.
    pub(super) fn separator(&self) -> u8 {
        let mut state = self.state.borrow_mut();
        state.wait();
        let first = state.block.split(|byte| matches!(byte, b'\n' | b'\r'));
        let line: &[u8] = first.into_iter().next().unwrap_or_default();
        let count = |mark: u8| line.iter().filter(|byte| **byte == mark).count();
        if count(b'\t') > count(b',') {
            b'\t'
        } else {
            b','
        }
    }

    /// Whether what comes is Parquet.
    pub(super) fn is_parquet(&self) -> bool {
        let mut state = self.state.borrow_mut();
        state.wait();
        is_parquet(&state.block)
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(Rc::clone(&self.state))
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.taken == self.block.len()
    }

    fn put(&mut self, read: io::Result<Vec<u8>>) {
        match read {
            Ok(block) => (self.block, self.taken) = (block, 0),
            Err(error) => self.error = Some(error),
        }
    }

    /// Waits for something to take, or the end.
    fn wait(&mut self) {
        if self.is_empty() && self.error.is_none() && !self.ended {
            match self.blocks.recv() {
                Ok(read) => self.put(read),
                Err(_) => self.ended = true,
            }
        }
    }
}

impl Watch {
    /// Whether a read would wait.
    pub(super) fn is_idle(&self) -> bool {
        let mut state = self.0.borrow_mut();
        if !state.is_empty() || state.error.is_some() || state.ended {
            return false;
        }
        match state.blocks.try_recv() {
            Ok(read) => {
                state.put(read);
                false
            }
            Err(TryRecvError::Empty) => true,
            Err(TryRecvError::Disconnected) => {
                state.ended = true;
                false
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state.borrow_mut();
        state.wait();
        if let Some(error) = state.error.take() {
            state.ended = true;
            return Err(error);
        }
        let from = state.taken;
        let count = buffer.len().min(state.block.len() - from);
        buffer[..count].copy_from_slice(&state.block[from..from + count]);
        state.taken += count;
        Ok(count)
    }
}
