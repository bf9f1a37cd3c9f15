//! What programs make of a folder page: their rules, written anew from their sources.

use percent_encoding::percent_decode;

/// An entry as a program sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub name: Vec<u8>,
    pub is_folder: bool,
    /// `2026-11-24 18:02`
    pub date: Option<String>,
    /// Bytes, rounded as the page rounds them.
    pub size: Option<u64>,
}

/// Reads a page as Kodi does (xbmc/filesystem/HTTPDirectory.cpp, `CHTTPDirectory::GetDirectory`).
///
/// `<a href="([^"]*)"[^>]*>\s*(.*?)\s*</a>(.+?)(?=<a|</tr|$)` is an entry if the text is the name
/// that it links to; date and size are looked for in the last group.
pub fn kodi(page: &str) -> Vec<Seen> {
    let lower = page.to_ascii_lowercase();
    let find = |text: &str, from: usize| lower[from..].find(text).map(|place| from + place);
    let mut entries = Vec::new();
    let mut from = 0;
    while let Some(start) = find("<a href=\"", from) {
        let link = start + "<a href=\"".len();
        let (Some(link_end), Some(text)) = (find("\"", link), find(">", link)) else { break };
        let Some(text_end) = find("</a>", text) else { break };
        let rest = text_end + "</a>".len();
        // Beyond the next character, as the group is not empty.
        let end = ["<a", "</tr"].iter().filter_map(|mark| find(mark, rest + 1)).min().unwrap_or(page.len());
        entries.extend(kodi_entry(&page[link..link_end], page[text + 1..text_end].trim_ascii(), &page[rest..end]));
        from = end;
    }
    entries
}

fn kodi_entry(link: &str, text: &str, rest: &str) -> Option<Seen> {
    let link = link.strip_prefix('/').unwrap_or(link);
    let link = kodi_entities(link.split(['?', '#']).next()?).replace('+', "%2b").replace(';', "%3b");
    let path: Vec<u8> = percent_decode(link.trim_end_matches('/').as_bytes()).collect();
    let name = kodi_entities(text);
    let name = name.strip_suffix('/').unwrap_or(&name);
    if path.is_empty() || path == b".." || path != name.as_bytes() {
        return None;
    }
    let is_folder = link.ends_with('/');
    let size =
        if is_folder { None } else { rest.match_indices('>').find_map(|(place, _)| kodi_size(&rest[place + 1..])) };
    let date = rest.char_indices().find_map(|(place, _)| rest[place..].get(..16).filter(|text| is_date(text)));
    Some(Seen { name: path, is_folder, date: date.map(str::to_string), size })
}

/// `CHTMLUtil::ConvertHTMLToW`: entities one after another, then numbers unless one is at the start.
fn kodi_entities(text: &str) -> String {
    let named = [("&amp;", "&"), ("&apos;", "'"), ("&quot;", "\""), ("&gt;", ">"), ("&lt;", "<")];
    let mut text = named.iter().fold(text.to_string(), |text, (entity, letter)| text.replace(entity, letter));
    let mut place = text.find("&#").filter(|place| *place > 0);
    while let Some(start) = place.filter(|place| place + 4 < text.len()) {
        let digits: String = text[start + 2..].chars().take_while(char::is_ascii_digit).collect();
        if let Some(letter) = digits.parse().ok().and_then(char::from_u32) {
            text = text.replace(&format!("&#{digits};"), &letter.to_string());
        }
        place = text[start + 1..].find("&#").map(|next| start + 1 + next);
    }
    text
}

/// `> *([0-9.]+) *(B|K|M|G| )(iB)?</td>`, without what Kodi 20 cannot read of it: the space before
/// the unit, and `iB`.
fn kodi_size(text: &str) -> Option<u64> {
    let text = text.trim_start_matches(' ');
    let (number, rest) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?);
    let unit = ["B</td>", "K</td>", "M</td>", "G</td>"].iter().position(|unit| rest.starts_with(unit))?;
    Some((number.parse::<f64>().ok()? * 1024_f64.powi(unit as i32)) as u64)
}

/// `[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}`
fn is_date(text: &str) -> bool {
    let is_alike = |(found, form): (char, char)| if form == '0' { found.is_ascii_digit() } else { found == form };
    text.chars().zip("0000-00-00 00:00".chars()).all(is_alike)
}

/// Reads a page as rclone does (backend/http/http.go, `parse` and `parseName`): every link without a
/// query to something one level below is an entry; a slash at its end makes it a folder.
pub fn rclone(page: &str) -> Vec<Seen> {
    let mut entries: Vec<Seen> = Vec::new();
    for tag in page.split("<a ").skip(1).filter_map(|rest| rest.split('>').next()) {
        let Some(link) = tag.split("href=\"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
        let is_below = !link.starts_with(['/', '#']) && !link.contains([':', '?']) && !link.starts_with("..");
        let path: Vec<u8> = percent_decode(link.trim_start_matches("./").as_bytes()).collect();
        let slash = path.iter().position(|&byte| byte == b'/').unwrap_or(path.len());
        if !is_below || path.is_empty() || slash + 1 < path.len() {
            continue;
        }
        let (name, is_folder) = (path[..slash].to_vec(), slash < path.len());
        if entries.iter().all(|entry| entry.name != name) {
            entries.push(Seen { name, is_folder, date: None, size: None });
        }
    }
    entries
}
