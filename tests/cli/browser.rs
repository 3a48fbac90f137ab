//! The pages in a real browser, without a screen: no error in its console, all sections there, and curves that answer the
//! pointer. `THALWEG_SCREENSHOTS=FOLDER` keeps pictures of them, to be looked at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Place, flowers, houses};

/// A browser of Chromium's family; else the test skips itself, or fails with `THALWEG_REQUIRE_BROWSER=1`.
fn browser() -> Option<&'static str> {
    let known = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    let found = known.into_iter().find(|name| {
        let asked = Command::new(name).arg("--version").output();
        asked.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        let required = std::env::var("THALWEG_REQUIRE_BROWSER").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "THALWEG_REQUIRE_BROWSER is 1, but there is none of {known:?}"
        );
        crate::common::say("SKIPPED: pages in a browser, as there is no chromium");
    }
    found
}

/// Opens a file, and gives what the page came to and what the browser said.
fn open(browser: &str, file: &Path, flags: &[&str]) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
        ])
        .args([
            "--enable-logging=stderr",
            "--hide-scrollbars",
            "--virtual-time-budget=3000",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(flags)
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Moves a pointer over every picture of every chart, and writes what the tip says into the page.
const POINT: &str = "<script>
let tips = [];
for (const svg of document.querySelectorAll('.chart[data-chart] .plots svg.lin')) {
  const box = svg.getBoundingClientRect();
  svg.dispatchEvent(new PointerEvent('pointermove', {clientX: box.left + box.width * 0.6, clientY: box.top + 40, bubbles: true}));
  tips.push(document.getElementById('tip').hidden ? 'nothing' : document.getElementById('tip').textContent.split('\\n').length);
  svg.dispatchEvent(new PointerEvent('pointerleave', {bubbles: false}));
}
document.body.dataset.tips = tips.join(',');
document.body.dataset.over = document.documentElement.scrollWidth > document.documentElement.clientWidth;
</script>";

#[track_caller]
fn assert_works(browser: &str, file: &Path, sections: &[&str]) {
    let page = fs::read_to_string(file).unwrap();
    let pointed: PathBuf = file.with_extension("pointed.html");
    fs::write(
        &pointed,
        page.replace("</body>", &format!("{POINT}</body>")),
    )
    .unwrap();
    for size in ["--window-size=1280,900", "--window-size=500,900"] {
        let (dom, said) = open(browser, &pointed, &["--dump-dom", size]);
        let console: Vec<_> = said
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .collect();
        assert!(console.is_empty(), "{file:?}: {console:#?}");
        for section in sections {
            assert!(
                dom.contains(&format!("id=\"{section}\"")),
                "{file:?}: {section} is missing\n{said}"
            );
        }
        let of = |name: &str| {
            let after = dom.split(&format!("{name}=\"")).nth(1)?;
            after.split('"').next().map(str::to_owned)
        };
        let charts: usize = of("data-charts").expect("the script ran").parse().unwrap();
        let tips = of("data-tips").expect("the pointer moved");
        assert!(
            charts > 0 && tips.split(',').count() == charts,
            "{charts} charts, {tips}"
        );
        assert!(
            tips.split(',')
                .all(|lines| lines.parse::<u32>().is_ok_and(|n| n >= 2)),
            "each chart tells: {tips}"
        );
        assert_eq!(
            of("data-over").as_deref(),
            Some("false"),
            "{file:?} is wider than {size}"
        );
    }
}

#[test]
fn pages_work_in_a_browser() {
    let Some(browser) = browser() else { return };
    let place = Place::with(&[
        ("houses.csv", houses().as_bytes()),
        ("flowers.csv", flowers().as_bytes()),
    ]);
    place.ok("train --data glyphs:n=1500 --device cpu --hidden 48,24 --dropout 0.2 --epochs 12 --schedule cosine --profile --out glyphs");
    place.ok("train --data houses.csv --device cpu --hidden 16 --epochs 30 --lr 0.01 --out houses");
    place.ok("train --data flowers.csv --device cpu --hidden 8 --activation tanh --epochs 1 --out flowers");
    place.ok("compare glyphs flowers houses --out compared.html");
    let sections = [
        "summary",
        "curves",
        "layers",
        "answers",
        "mistakes",
        "time",
        "configuration",
    ];
    for run in ["glyphs", "houses", "flowers"] {
        assert_works(browser, &place.path(run).join("report.html"), &sections);
    }
    assert_works(
        browser,
        &place.path("compared.html"),
        &["table-0", "table-1", "curves"],
    );
    if let Ok(folder) = std::env::var("THALWEG_SCREENSHOTS") {
        for (name, file) in [
            ("glyphs", "glyphs/report.html"),
            ("houses", "houses/report.html"),
            ("compared", "compared.html"),
        ] {
            let shots: [(&str, &[&str]); 3] = [
                ("light", &["--window-size=1280,3600"]),
                (
                    "dark",
                    &[
                        "--window-size=1280,3600",
                        "--blink-settings=preferredColorScheme=0",
                    ],
                ),
                ("phone", &["--window-size=500,3600"]),
            ];
            for (kind, flags) in shots {
                let shot = format!("--screenshot={folder}/{name}-{kind}.png");
                open(
                    browser,
                    &place.path(file),
                    &[&[shot.as_str()], flags].concat(),
                );
            }
        }
    }
}
