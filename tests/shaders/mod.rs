//! The contract between the host and WGSL, with no device: what `kernel/` says of each kernel is held against what naga
//! reads in its shader, on the limits of several kinds of device.

mod examples;

use std::collections::BTreeSet;
use std::path::Path;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{
    AddressSpace, Expression, GlobalVariable, Literal, Module, Scalar, StorageAccess, TypeInner,
};
use thalweg::kernel::{
    Access, Binding, Constant, Field, FieldKind, Kernel, Limits, Shader, SourceError, WORKGROUP,
    files, parts, source,
};
use thalweg::tensor::Element;

/// The smallest limits, those of a real GPU, and those of a driver on the CPU.
const DEVICES: [Limits; 3] = [
    Limits::SMALLEST,
    Limits {
        workgroups: 65_535,
        binding: (2 << 30) - 4,
        buffer: 64 << 30,
        subgroup: Some(32),
        turns: u64::MAX,
        software: false,
        half: true,
        cooperative: true,
        image: 16_384,
        invocations: 1024,
        workgroup_memory: 48 << 10,
        fill: Limits::FILL,
    },
    Limits {
        workgroups: 65_535,
        binding: 128 << 20,
        buffer: 2 << 30,
        subgroup: Some(8),
        turns: 65_535,
        software: true,
        half: true,
        cooperative: false,
        image: 16_384,
        invocations: 1024,
        workgroup_memory: 32 << 10,
        fill: 1,
    },
];

/// What the adapter must offer; a shader that needs more is refused here.
const CAPABILITIES: Capabilities = Capabilities::IMMEDIATES
    .union(Capabilities::SUBGROUP)
    .union(Capabilities::SHADER_FLOAT16)
    .union(Capabilities::COOPERATIVE_MATRIX);

/// Every example kernel on every device, with its shader and what naga reads in it.
fn each(check: impl Fn(&Kernel, &Shader, &Module)) {
    for kernel in examples::all() {
        for shader in candidates(&kernel) {
            let text = source(&shader).unwrap_or_else(|error| panic!("{kernel:?}: {error}"));
            let module = naga::front::wgsl::parse_str(&text)
                .unwrap_or_else(|error| panic!("{kernel:?}: {}", error.emit_to_string(&text)));
            check(&kernel, &shader, &module);
        }
    }
}

/// What may do a kernel's work on one of the devices, each shader once.
fn candidates(kernel: &Kernel) -> Vec<Shader> {
    let mut all: Vec<Shader> = Vec::new();
    for limits in &DEVICES {
        let candidates = kernel.spec().candidates(limits);
        assert_eq!(
            candidates.first(),
            Some(&kernel.spec().shader(limits)),
            "the choice of {kernel:?} is the first candidate"
        );
        for shader in candidates {
            if !all.contains(&shader) {
                all.push(shader);
            }
        }
    }
    all
}

fn scalar(module: &Module, ty: naga::Handle<naga::Type>) -> Option<Scalar> {
    match module.types[ty].inner {
        TypeInner::Scalar(scalar) | TypeInner::Vector { scalar, .. } => Some(scalar),
        _ => None,
    }
}

/// The variable's name for a binding: an underscore is put behind a word that WGSL keeps for itself.
fn variable_name(binding: &Binding) -> String {
    let reserved = naga::keywords::wgsl::RESERVED.contains(&binding.name);
    format!("{}{}", binding.name, if reserved { "_" } else { "" })
}

#[test]
fn every_kernel_has_an_example() {
    let examples = examples::all();
    for variant in Kernel::VARIANTS {
        let found = examples
            .iter()
            .any(|kernel| format!("{kernel:?}").starts_with(&format!("{variant}(")));
        assert!(
            found,
            "Kernel::{variant} has no example in tests/shaders/examples.rs"
        );
    }
}

#[test]
fn every_shader_is_valid() {
    each(|kernel, shader, module| {
        Validator::new(ValidationFlags::all(), CAPABILITIES)
            .validate(module)
            .unwrap_or_else(|error| panic!("{}.wgsl for {kernel:?}: {error:?}", shader.file));
    });
}

#[test]
fn bindings_are_the_kernels() {
    each(|kernel, shader, module| {
        let file = shader.file;
        let bindings = kernel.bindings();
        assert!(
            bindings.len() <= 8,
            "{file}: at most 8 storage buffers, not {}",
            bindings.len()
        );
        let mut bound: Vec<&GlobalVariable> = module
            .global_variables
            .iter()
            .map(|(_, variable)| variable)
            .filter(|variable| variable.binding.is_some())
            .collect();
        bound.sort_by_key(|variable| variable.binding.map(|b| b.binding));
        assert_eq!(
            bound.len(),
            bindings.len(),
            "{file}: number of bindings of {kernel:?}"
        );
        for (i, (variable, binding)) in bound.iter().zip(&bindings).enumerate() {
            assert_eq!(
                variable.name,
                Some(variable_name(binding)),
                "{file}: name of binding {i}"
            );
            let place = variable
                .binding
                .map(|b| (b.group as usize, b.binding as usize));
            assert_eq!(place, Some((0, i)), "{file}: place of `{}`", binding.name);
            if shader.images.iter().any(|image| image.binding == i) {
                let image = TypeInner::Image {
                    dim: naga::ImageDimension::D2,
                    arrayed: false,
                    class: naga::ImageClass::Storage {
                        format: naga::StorageFormat::Rgba32Float,
                        access: StorageAccess::LOAD,
                    },
                };
                assert_eq!(
                    (binding.access, binding.element),
                    (Access::Read, Element::F32),
                    "{file}: `{}` is copied",
                    binding.name
                );
                let inner = &module.types[variable.ty].inner;
                assert_eq!(*inner, image, "{file}: image `{}`", binding.name);
                continue;
            }
            let access = match binding.access {
                Access::Read => StorageAccess::LOAD,
                Access::Write | Access::ReadWrite => StorageAccess::LOAD | StorageAccess::STORE,
            };
            assert_eq!(
                variable.space,
                AddressSpace::Storage { access },
                "{file}: access of `{}`",
                binding.name
            );
            let TypeInner::Array { base, size, .. } = module.types[variable.ty].inner else {
                panic!("{file}: `{}` is no array", binding.name);
            };
            assert_eq!(
                size,
                naga::ArraySize::Dynamic,
                "{file}: size of `{}`",
                binding.name
            );
            let found = scalar(module, base);
            let element = match binding.element {
                Element::F32 => Scalar::F32,
                // Two at a time, where they are written on their bits.
                Element::F16 if found == Some(Scalar::U32) => Scalar::U32,
                Element::F16 => Scalar::F16,
                Element::U32 | Element::U8 => Scalar::U32,
            };
            assert_eq!(
                found,
                Some(element),
                "{file}: element of `{}` for {kernel:?}",
                binding.name
            );
        }
    });
}

#[test]
fn immediates_are_the_kernels_parameters() {
    each(|kernel, shader, module| {
        let file = shader.file;
        let immediates: Vec<_> = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == AddressSpace::Immediate)
            .collect();
        let [(_, variable)] = immediates.as_slice() else {
            panic!("{file}: expected one var<immediate>");
        };
        let ty = &module.types[variable.ty];
        assert_eq!(
            ty.name.as_deref(),
            Some("Params"),
            "{file}: type of the immediates"
        );
        let TypeInner::Struct { members, span } = &ty.inner else {
            panic!("{file}: Params is no struct");
        };
        let found: Vec<_> = members
            .iter()
            .map(|m| {
                (
                    m.name.as_deref().unwrap_or_default(),
                    scalar(module, m.ty),
                    m.offset,
                )
            })
            .collect();
        let parameters = kernel.spec().parameters();
        let expected: Vec<_> = (0..)
            .step_by(4)
            .zip(parameters.fields())
            .map(|(offset, &Field { name, kind, .. })| {
                let scalar = match kind {
                    FieldKind::U32 => Scalar::U32,
                    FieldKind::F32 => Scalar::F32,
                };
                (name, Some(scalar), offset)
            })
            .collect();
        assert_eq!(found, expected, "{file}: members of Params");
        assert!(
            *span <= 128,
            "{file}: immediates of {span} bytes, at most 128"
        );
    });
}

/// The value of a module's constant, as naga computed it.
fn value(module: &Module, name: &str) -> Option<Literal> {
    let constant = module
        .constants
        .iter()
        .map(|(_, constant)| constant)
        .find(|constant| constant.name.as_deref() == Some(name))?;
    match module.global_expressions[constant.init] {
        Expression::Literal(literal) => Some(literal),
        Expression::Constant(other) => value(module, module.constants[other].name.as_deref()?),
        _ => None,
    }
}

#[test]
fn constants_have_the_values_the_kernel_chose() {
    each(|kernel, shader, module| {
        for Constant { name, value: text } in &shader.constants {
            let expected = match text.as_str() {
                "true" => Some(Literal::Bool(true)),
                "false" => Some(Literal::Bool(false)),
                // A type: the elements of the bindings, held above, depend on it.
                "f16" | "vec4<f16>" | "f32" | "u32" | "vec4<f32>" | "vec4<u32>" => continue,
                text => text
                    .strip_suffix('u')
                    .and_then(|digits| digits.parse().ok().map(Literal::U32))
                    .or_else(|| value(module, text)),
            };
            assert!(
                expected.is_some(),
                "{}.wgsl has no constant `{text}` for {kernel:?}",
                shader.file
            );
            assert_eq!(
                value(module, name),
                expected,
                "{}.wgsl: `{name}` for {kernel:?}",
                shader.file
            );
        }
    });
}

#[test]
fn the_entry_point_is_main_and_strided_kernels_have_their_workgroup() {
    each(|kernel, shader, module| {
        let [entry] = module.entry_points.as_slice() else {
            panic!("{}.wgsl has not one entry point", shader.file);
        };
        assert_eq!(entry.name, "main", "{}.wgsl", shader.file);
        assert_eq!(
            entry.stage,
            naga::ShaderStage::Compute,
            "{}.wgsl",
            shader.file
        );
        let size = entry.workgroup_size;
        if matches!(kernel, Kernel::Matmul(_)) {
            let invocations: u32 = size.iter().product();
            assert!(
                invocations <= 256,
                "{}.wgsl: {size:?} is more than every device has",
                shader.file
            );
        } else {
            assert_eq!(size, [WORKGROUP, 1, 1], "{}.wgsl", shader.file);
        }
    });
}

#[test]
fn every_header_names_the_reference_and_the_host() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    each(|kernel, shader, _| {
        for file in shader.joined.iter().chain([&shader.file]) {
            let path = root.join("shaders").join(file).with_extension("wgsl");
            let text = std::fs::read_to_string(&path).expect("the file that is embedded");
            let reference = format!("Reference: `reference::{}`", kernel.name());
            assert!(
                text.contains(&reference),
                "{file}.wgsl: expected \"{reference}\""
            );
            let host = text
                .split_once("Host: `")
                .and_then(|(_, behind)| behind.split_once('`'))
                .map(|(host, _)| root.join("src").join(host));
            assert!(
                host.as_ref().is_some_and(|host| host.is_file()),
                "{file}.wgsl: its host is {host:?}, which is no file"
            );
        }
    });
}

#[test]
fn every_file_is_embedded_and_used() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let on_disk: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the folder of shaders")
        .map(|entry| entry.expect("a file in the folder").path())
        .map(|path| {
            assert_eq!(
                path.extension().and_then(|e| e.to_str()),
                Some("wgsl"),
                "{path:?}"
            );
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let embedded: BTreeSet<String> = files().map(str::to_owned).collect();
    assert_eq!(
        on_disk, embedded,
        "shaders/ and the list in kernel/source.rs"
    );
    let used: BTreeSet<String> = examples::all()
        .iter()
        .flat_map(candidates)
        .flat_map(|shader| parts(&shader).expect("every file is embedded"))
        .map(str::to_owned)
        .collect();
    // Those that are no kernels: one measures a device, one fills images.
    let used = used
        .into_iter()
        .chain(["multiply_add", "image_rows"].map(str::to_owned))
        .collect();
    assert_eq!(embedded, used, "a shader that no example uses");
}

#[test]
fn a_constant_that_is_missing_is_refused() {
    let kernel = examples::all()[0];
    let mut shader = kernel.spec().shader(&Limits::SMALLEST);
    shader.constants.push(Constant {
        name: "NOT_THERE",
        value: "1u".to_owned(),
    });
    assert_eq!(
        source(&shader),
        Err(SourceError::Constant {
            file: shader.file,
            constant: "NOT_THERE",
            found: 0
        }),
        "a variant would be chosen silently"
    );
}
