//! The reference against results by hand, against itself in single precision, against `PyTorch`, and against formulas
//! that a device can compute.

mod by_hand;
mod functions;
mod kernels;
mod layers;
mod pytorch;
