//! The frame of a page, and what goes into it.

use std::fmt::Write;

/// Longer texts that come from data are cut.
const LONGEST: usize = 80;

/// Text that may stand anywhere in HTML, also within an attribute's quotes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // No control character but these is allowed.
            c if c.is_control() && !['\n', '\t'].contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A name that comes from data: cut where it is long, and escaped.
pub(super) fn name(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return escaped(text);
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    escaped(&format!("{cut}…"))
}

/// JSON that may stand within a script element.
pub(super) fn json(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

/// A number in as many digits as a reader wants.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e5).contains(&size) {
        // Four digits that count.
        let digits = match size {
            s if s >= 1000.0 => 0,
            s if s >= 100.0 => 1,
            s if s >= 10.0 => 2,
            s if s >= 1.0 => 3,
            _ => 4,
        };
        let text = format!("{value:.digits$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    } else {
        format!("{value:.2e}")
    }
}

/// A page with this title and body. One that is to be looked at again loads itself anew after some seconds.
pub(super) fn page(title: &str, again: Option<u32>, body: &str) -> String {
    let refresh = again.map_or_else(String::new, |seconds| {
        format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n")
    });
    let policy =
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n{refresh}\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         <div id=\"tip\" role=\"status\" hidden></div>\n<script>\n{}</script>\n</body>\n</html>\n",
        escaped(title),
        include_str!("page.css"),
        include_str!("page.js"),
    )
}

/// A section under a heading.
pub(super) fn section(id: &str, heading: &str, body: &str) -> String {
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{heading}</h2>\n{body}</section>\n"
    )
}

/// The section of what is told first, in pairs of a name and a value.
pub(super) fn summary(facts: &[(String, String)]) -> String {
    let mut list = String::from("<dl class=\"facts card\">\n");
    for (name, value) in facts {
        put(
            &mut list,
            &format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value)),
        );
    }
    list.push_str("</dl>\n");
    section("summary", "Summary", &list)
}

/// A table, within a frame that scrolls where it is too wide. The cells are HTML.
pub(super) fn table(class: &str, caption: &str, head: &[String], rows: &[Vec<String>]) -> String {
    let mut out = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table class=\"{class}\"><caption>{caption}</caption>\n<thead><tr>"
    );
    for cell in head {
        put(&mut out, &format!("<th scope=\"col\">{cell}</th>"));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            match column {
                0 => put(&mut out, &format!("<th scope=\"row\">{cell}</th>")),
                _ => put(&mut out, &format!("<td>{cell}</td>")),
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// Adds to a string, which cannot fail.
pub(super) fn put(out: &mut String, text: &str) {
    out.write_str(text).expect("text can be added to a string");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_text() {
        let text = "<script>alert('a' & \"b\")</script>\u{0}";
        let found = escaped(text);
        assert!(!found.contains(['<', '>', '"', '\'', '\u{0}']), "{found}");
        assert!(!json(&serde_json::json!({ text: text })).contains('<'));
        assert!(name(&"<".repeat(200)).len() < 500, "a long name is cut");
    }

    #[test]
    fn numbers_are_short() {
        let found = [0.0, 1.0, 0.123_456, 12.345_6, 12345.6, 1.5e-7, -2.5e9].map(number);
        assert_eq!(
            found,
            ["0", "1", "0.1235", "12.35", "12346", "1.50e-7", "-2.50e9"]
        );
    }
}
