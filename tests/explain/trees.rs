//! Decision trees.

use thalweg::explain::{Answer, Goal, Tree, TreeNode, Words};
use thalweg::random::{Random, stream};

use super::{near, rows};

/// A tree finds the boxes that rows were made of, and says so.
#[test]
fn a_tree_finds_boxes() {
    let x = rows(500, 3, 37);
    let class = |row: &[f32]| match (row[1] > 0.2, row[2] > -0.4) {
        (true, _) => 2_usize,
        (false, true) => 0,
        (false, false) => 1,
    };
    let labels: Vec<usize> = x.chunks(3).map(class).collect();
    let goal = Goal::Classes {
        labels: &labels[..300],
        classes: 3,
    };
    let tree = Tree::grow(&x[..900], 3, goal, 3, 1).unwrap();
    let said = tree.answers(&x[900..], 3);
    let same = said
        .iter()
        .zip(&labels[300..])
        .filter(|(s, l)| **s == **l as f64)
        .count();
    assert!(same >= 196, "{same} of 200");
    assert_eq!(tree.leaves(), 3, "{tree:?}");
    let error = Tree::grow(&x, 3, goal, 3, 1).unwrap_err();
    assert!(error.is_bad_input(), "{error}");
}

/// A tree of numbers is the same tree whatever their offset and scale.
#[test]
fn a_tree_of_numbers_has_no_unit() {
    let x = rows(400, 3, 47);
    let y: Vec<f64> = x
        .chunks(3)
        .map(|row| f64::from(u8::from(row[0] > 0.2)) * 4.0 + f64::from(row[1]))
        .collect();
    let grow = |offset: f64, scale: f64| {
        let own: Vec<f64> = y.iter().map(|y| offset + scale * y).collect();
        Tree::grow(&x, 3, Goal::Numbers(&own), 4, 5).unwrap()
    };
    let plain = grow(0.0, 1.0);
    assert!(plain.leaves() > 8, "{plain:?}");
    for (offset, scale) in [
        (1.6e9, 1.0),
        (0.0, 1e-8),
        (-3e5, 1e-4),
        (0.0, 1e200),
        (7.0, 1e-160),
    ] {
        let found = grow(offset, scale);
        let splits = |tree: &Tree| tree.nodes.iter().map(|n| n.split).collect::<Vec<_>>();
        if scale > 1e-100 {
            assert_eq!(splits(&found), splits(&plain), "{offset}, {scale}");
        } else {
            assert_eq!(found.leaves(), 1, "nothing is left of it beside the offset");
            continue;
        }
        let back = found
            .answers(&x, 3)
            .into_iter()
            .map(|y| (y - offset) / scale);
        let rounding = 1e-9 + 1e-15 * offset.abs() / scale;
        near(
            &back.collect::<Vec<_>>(),
            &plain.answers(&x, 3),
            4.0 * rounding,
            "answers",
        );
        let impurity = found.nodes[0].impurity / scale / scale;
        assert!(!impurity.is_finite() || (impurity / plain.nodes[0].impurity - 1.0).abs() < 1e-4);
    }
    let error = Tree::grow(&x, 3, Goal::Numbers(&[f64::NAN; 400]), 4, 5).unwrap_err();
    assert!(error.is_bad_input(), "{error}");
}

/// No tree asks more than it may, of rows that no question tells apart.
#[test]
fn a_tree_is_no_deeper_than_asked() {
    let x = rows(500, 4, 49);
    let random = Random::new(4, stream::TEST, 3);
    let labels: Vec<usize> = (0..500).map(|i| (random.bits(i) & 1) as usize).collect();
    let goal = Goal::Classes {
        labels: &labels,
        classes: 2,
    };
    for depth in 0..6 {
        let tree = Tree::grow(&x, 4, goal, depth, 1).unwrap();
        assert!(
            tree.leaves() <= 1 << depth,
            "{} leaves at depth {depth}",
            tree.leaves()
        );
        assert!(depth < 4 || tree.leaves() > 1, "noise is asked of");
    }
    assert!(Tree::grow(&x, 4, goal, 100_000, 1).is_err());
}

/// Yes is below, in the text and to the left of the picture.
#[test]
fn yes_is_below() {
    let x: Vec<f32> = (0..20).map(|i| i as f32).collect();
    let y: Vec<f64> = (0..20).map(|i| if i < 7 { 1.0 } else { 5.0 }).collect();
    let tree = Tree::grow(&x, 1, Goal::Numbers(&y), 3, 1).unwrap();
    let words = Words {
        question: &|split| format!("a <= {}", split.threshold),
        answer: &|node: &TreeNode| match node.answer {
            Answer::Number(number) => format!("leaf {number:.1}"),
            Answer::Class(..) => String::new(),
        },
    };
    let text = tree.text(&words);
    let expected = "a <= 6.5 (20 rows)\n├─ yes: leaf 1.0 (7 rows)\n└─ no: leaf 5.0 (13 rows)\n";
    assert_eq!(text, expected);
    let svg = tree.svg(&words);
    let place = |text: &str| -> f64 {
        let end = svg.find(&format!(">{text}</text>")).expect("it is drawn");
        let start = svg[..end].rfind("<text x=\"").expect("it has a place") + 9;
        let x = svg[start..end].split('"').next();
        x.and_then(|x| x.parse().ok()).expect("it is a number")
    };
    assert!(place("leaf 1.0") < place("leaf 5.0"), "{svg}");
    assert!(place("yes") < place("no"), "{svg}");
    assert!((place("leaf 1.0") - place("yes")).abs() < (place("leaf 5.0") - place("yes")).abs());
}
