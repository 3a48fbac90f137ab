//! The reference against itself in single precision, against `PyTorch`, and against formulas that a device can compute.

mod functions;
mod kernels;
mod pytorch;
