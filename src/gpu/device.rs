//! The device and its queue: opening, submitting, waiting, and everything that can go wrong with it.
//!
//! wgpu tells of errors in three ways: a handler for what a call did wrong, a callback when the device is lost (heard
//! only on a later poll), and a panic in `poll` on a lost device. All three end in the state that [`Device::check`]
//! looks at, and each public call of the executor ends in such a check.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::adapter::AdapterInfo;
use crate::executor::ExecutorError;

/// How long one look at the device lasts while waiting for it.
const LOOK: Duration = Duration::from_secs(1);
/// How long a device may work on what was submitted before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(600);
/// Most submissions under way. The host waits before it runs further ahead, so that recorded commands take little
/// memory.
const IN_FLIGHT: usize = 8;

/// What a call did wrong.
#[derive(Debug)]
pub(super) enum Fault {
    /// There was no memory for it.
    OutOfMemory(String),
    /// All else.
    Other(String),
}

/// What wgpu has told since the last look.
#[derive(Debug, Default)]
struct Faults {
    lost: Option<String>,
    first: Option<Fault>,
}

fn lock(faults: &Mutex<Faults>) -> MutexGuard<'_, Faults> {
    faults.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open device.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) wgpu: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    name: String,
    faults: Arc<Mutex<Faults>>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
}

impl Device {
    /// Opens an adapter with all its limits, and of its features those that the engine uses.
    pub(super) fn open(info: &AdapterInfo, adapter: &wgpu::Adapter) -> Result<Self, ExecutorError> {
        let mut welcome = wgpu::Features::SUBGROUP
            | wgpu::Features::TIMESTAMP_QUERY
            | wgpu::Features::PIPELINE_CACHE
            | wgpu::Features::SHADER_F16;
        let mut experimental = wgpu::ExperimentalFeatures::disabled();
        if info.has_cooperative_products() {
            welcome |= wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            #[expect(unsafe_code, reason = "wgpu asks to be told that it is meant")]
            // SAFETY: the one feature asked for is used by one shader, which is not chosen before its results have been held
            // against known ones on this device.
            let meant = unsafe { wgpu::ExperimentalFeatures::enabled() };
            experimental = meant;
        }
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("thalweg"),
            required_features: wgpu::Features::IMMEDIATES | (adapter.features() & welcome),
            required_limits: adapter.limits(),
            experimental_features: experimental,
            memory_hints: wgpu::MemoryHints::Performance,
            ..wgpu::DeviceDescriptor::default()
        });
        let (wgpu, queue) = pollster::block_on(request).map_err(|cause| ExecutorError::Device {
            device: info.name.clone(),
            cause: cause.to_string(),
        })?;
        let faults = Arc::new(Mutex::new(Faults::default()));
        let heard = Arc::clone(&faults);
        wgpu.set_device_lost_callback(move |reason, message| {
            let cause = if message.is_empty() {
                format!("{reason:?}").to_lowercase()
            } else {
                message
            };
            lock(&heard).lost.get_or_insert(cause);
        });
        let heard = Arc::clone(&faults);
        wgpu.on_uncaptured_error(Arc::new(move |error| {
            lock(&heard).first.get_or_insert_with(|| match error {
                wgpu::Error::OutOfMemory { source } => Fault::OutOfMemory(source.to_string()),
                wgpu::Error::Validation { description, .. }
                | wgpu::Error::Internal { description, .. } => Fault::Other(description),
            });
        }));
        Ok(Self {
            wgpu,
            queue,
            name: info.name.clone(),
            faults,
            in_flight: VecDeque::new(),
        })
    }

    /// The first thing that went wrong since the last look, which is forgotten with this; or an error if the device is
    /// lost. What went wrong may be a consequence of the loss, of which wgpu tells only when the queue is empty.
    pub(super) fn fault(&self) -> Result<Option<Fault>, ExecutorError> {
        self.check_lost()?;
        let fault = lock(&self.faults).first.take();
        if fault.is_some() {
            self.settle()?;
        }
        Ok(fault)
    }

    /// Runs a call that compiles a shader. What it does wrong is its own, even while other threads do the same.
    pub(super) fn scoped<T>(
        &self,
        file: &str,
        call: impl FnOnce() -> T,
    ) -> Result<T, ExecutorError> {
        let scopes = [
            wgpu::ErrorFilter::Internal,
            wgpu::ErrorFilter::OutOfMemory,
            wgpu::ErrorFilter::Validation,
        ]
        .map(|filter| self.wgpu.push_error_scope(filter));
        let result = call();
        // The scope that was opened last is closed first.
        let mut found = None;
        for scope in scopes.into_iter().rev() {
            found = pollster::block_on(scope.pop()).or(found);
        }
        self.check_lost()?;
        match found {
            None => Ok(result),
            Some(error) => Err(ExecutorError::Shader {
                file: file.to_owned(),
                cause: error.to_string(),
            }),
        }
    }

    /// Waits until there is nothing left to do, and looks whether the device is lost.
    pub(super) fn settle(&self) -> Result<(), ExecutorError> {
        self.poll(wgpu::PollType::Wait {
            submission_index: None,
            timeout: Some(PATIENCE),
        })?;
        self.check_lost()
    }

    /// An error if the device is lost, which lasts, or if something went wrong since the last look.
    pub(super) fn check(&self) -> Result<(), ExecutorError> {
        match self.fault()? {
            Some(Fault::OutOfMemory(cause)) => Err(self.refusal(format!("out of memory: {cause}"))),
            Some(Fault::Other(cause)) => Err(self.refusal(cause)),
            None => Ok(()),
        }
    }

    /// As [`Device::check`], after something that needed memory.
    pub(super) fn check_memory(&self, bytes: u64, what: &str) -> Result<(), ExecutorError> {
        match self.fault()? {
            Some(Fault::OutOfMemory(cause)) => Err(self.out_of_memory(bytes, what, cause)),
            Some(Fault::Other(cause)) => Err(self.refusal(cause)),
            None => Ok(()),
        }
    }

    fn check_lost(&self) -> Result<(), ExecutorError> {
        match &lock(&self.faults).lost {
            Some(cause) => Err(ExecutorError::DeviceLost {
                device: self.name.clone(),
                cause: cause.clone(),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn refusal(&self, cause: String) -> ExecutorError {
        ExecutorError::Device {
            device: self.name.clone(),
            cause,
        }
    }

    pub(super) fn out_of_memory(&self, bytes: u64, what: &str, cause: String) -> ExecutorError {
        ExecutorError::OutOfMemory {
            device: self.name.clone(),
            bytes,
            what: what.to_owned(),
            cause,
        }
    }

    /// Submits what was recorded, together with the writes before it. Returns without waiting, unless the host is far
    /// ahead.
    pub(super) fn submit(
        &mut self,
        commands: Option<wgpu::CommandBuffer>,
    ) -> Result<wgpu::SubmissionIndex, ExecutorError> {
        let submission = self.queue.submit(commands);
        // A lost device refuses a submission without a word, but knows no submission of this number then.
        self.poll(wgpu::PollType::Wait {
            submission_index: Some(submission.clone()),
            timeout: Some(Duration::ZERO),
        })?;
        self.check()?;
        self.in_flight.push_back(submission.clone());
        if self.in_flight.len() > IN_FLIGHT
            && let Some(oldest) = self.in_flight.pop_front()
        {
            self.wait(oldest)?;
        }
        Ok(submission)
    }

    /// Notices, without waiting, whether the device has been lost.
    pub(super) fn look(&self) -> Result<(), ExecutorError> {
        self.poll(wgpu::PollType::Poll)?;
        self.check()
    }

    /// Waits until a submission has been worked off.
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), ExecutorError> {
        let started = Instant::now();
        while !self.poll(wgpu::PollType::Wait {
            submission_index: Some(submission.clone()),
            timeout: Some(LOOK),
        })? {
            if started.elapsed() > PATIENCE {
                let seconds = PATIENCE.as_secs();
                return Err(self.refusal(format!("it has not answered for {seconds} seconds")));
            }
        }
        self.check()
    }

    /// Whether the device has done what was waited for.
    fn poll(&self, poll: wgpu::PollType) -> Result<bool, ExecutorError> {
        // wgpu holds no lock when it panics here, and the device counts as lost from then on.
        let polled = catch_unwind(AssertUnwindSafe(|| self.wgpu.poll(poll)));
        if let Err(panic) = &polled {
            let cause = panic
                .downcast_ref::<String>()
                .map_or("the driver gave no reason", String::as_str);
            lock(&self.faults)
                .lost
                .get_or_insert_with(|| cause.to_owned());
        }
        self.check_lost()?;
        match polled {
            Ok(Err(wgpu::PollError::Timeout)) => Ok(false),
            Ok(Err(cause)) => {
                self.settle()?;
                self.check()?;
                Err(self.refusal(cause.to_string()))
            }
            Ok(Ok(_)) | Err(_) => Ok(true),
        }
    }
}
