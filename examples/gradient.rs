//! The gradient of a function of three variables: `cargo run --release --example gradient [-- --device DEVICE]`.
//!
//! The texts begin with f = x² + 3xy + y² + z³, whose gradient at (1, 2, 3) is (2x + 3y, 3x + 2y, 3z²) = (8, 7, 27), and say
//! that it points to where f rises most steeply. The engine's `differentiate` appends the gradient's ops to the graph of f.

mod common;

use std::process::ExitCode;

use common::{Example, Failure};
use thalweg::chart::{Chart, Panel};
use thalweg::device::Device;
use thalweg::executor::{Program, Workspace};
use thalweg::graph::{Graph, GraphError, TensorId};

/// f of columns x, y and z `[points]`, at each point.
fn f(graph: &mut Graph, [x, y, z]: [TensorId; 3]) -> Result<TensorId, GraphError> {
    let (xx, xy, yy, zz) = (
        graph.mul(x, x)?,
        graph.mul(x, y)?,
        graph.mul(y, y)?,
        graph.mul(z, z)?,
    );
    let xy = graph.scale(xy, 3.0)?;
    let z3 = graph.mul(zz, z)?;
    let (first, second) = (graph.add(xx, xy)?, graph.add(yy, z3)?);
    graph.add(first, second)
}

/// A program that computes f at the points `p + t d`, and the gradient of the sum of them.
fn load(workspace: &mut Workspace, points: &[[f64; 3]]) -> Result<Program, Failure> {
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        let values: Vec<f64> = points.iter().map(|p| p[axis]).collect();
        workspace.put(name, [points.len()], values)?;
    }
    let mut graph = Graph::new();
    let mut stored = |name| graph.stored(&workspace.store, name);
    let xyz = [stored("x")?, stored("y")?, stored("z")?];
    let values = f(&mut graph, xyz)?;
    let sum = graph.sum(values)?;
    let mut outputs = vec![values];
    outputs.extend(graph.differentiate(sum, &xyz)?);
    Ok(workspace.load("f and its gradient", &graph, &outputs)?)
}

fn main() -> ExitCode {
    Example::run("gradient", |example| {
        let p = [1.0, 2.0, 3.0];
        let mut devices = vec![Device::Reference, Device::ReferenceF32, Device::Cpu];
        if !devices.contains(&example.device) {
            devices.push(example.device.clone());
        }
        for device in devices {
            let mut workspace = Workspace::new(device.open(None)?.executor);
            let program = load(&mut workspace, &[p])?;
            let found = workspace.compute(&program)?;
            example.claim(
                &format!("on {device}, f(1, 2, 3) = 38 and its gradient is (8, 7, 27)"),
                format!("{found:?}"),
                found == [[38.0], [8.0], [7.0], [27.0]],
            );
        }

        // How f changes along the gradient, and along directions that turn away from it.
        let gradient = [8.0, 7.0, 27.0];
        let across = [7.0, -8.0, 0.0];
        let unit = |v: [f64; 3]| {
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            v.map(|x| x / norm)
        };
        let (along, across) = (unit(gradient), unit(across));
        let steps: Vec<f64> = (0..=20_u8).map(|i| f64::from(i) / 100.0).collect();
        let mut panel = Panel::new(
            "f along directions from (1, 2, 3)",
            "distance",
            "f - f(1, 2, 3)",
        );
        let mut rises = Vec::new();
        for degrees in [0.0_f64, 30.0, 60.0, 90.0, 180.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let direction: Vec<f64> = (0..3).map(|i| cos * along[i] + sin * across[i]).collect();
            let point = |t: &f64| [0, 1, 2].map(|i| p[i] + t * direction[i]);
            let points: Vec<_> = steps.iter().map(point).collect();
            let mut workspace = example.workspace()?;
            let program = load(&mut workspace, &points)?;
            let values = workspace.compute(&program)?.swap_remove(0);
            let rise = steps.iter().zip(&values).map(|(t, f)| (*t, f - 38.0));
            panel = panel.line(format!("{degrees} degrees off"), rise);
            rises.push((values[1] - 38.0) / steps[1]);
        }
        let slope = gradient.iter().map(|x| x * x).sum::<f64>().sqrt();
        example.claim(
            "f rises most steeply along its gradient, by the gradient's norm; not at all across it; and falls most steeply against it",
            format!("slopes {rises:.2?} at 0, 30, 60, 90 and 180 degrees; the norm is {slope:.2}"),
            rises.windows(2).all(|pair| pair[0] > pair[1])
                && (rises[0] - slope).abs() < 0.02 * slope
                && rises[3].abs() < 0.02 * slope
                && (rises[4] + slope).abs() < 0.02 * slope,
        );
        example.chart("gradient.svg", &Chart::new("Steepest ascent").panel(panel))
    })
}
