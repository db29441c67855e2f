/** What a browser calls itself, in words: sessions are listed by it. */

/** Product in a user agent, what people call it; the first that is found holds, since most also name those they imitate. */
const BROWSERS: readonly (readonly [product: string, name: string])[] = [
  ["Edg", "Edge"],
  ["EdgA", "Edge"],
  ["EdgiOS", "Edge"],
  ["OPR", "Opera"],
  ["Vivaldi", "Vivaldi"],
  ["SamsungBrowser", "Samsung Internet"],
  ["FxiOS", "Firefox"],
  ["Firefox", "Firefox"],
  ["CriOS", "Chrome"],
  ["Chromium", "Chromium"],
  ["HeadlessChrome", "Chrome"],
  ["Chrome", "Chrome"],
  ["Version", "Safari"],
];

/** Words in a user agent, the system that says them; in the order in which they are looked for. */
const SYSTEMS: readonly (readonly [words: string, name: string])[] = [
  ["iPhone", "iOS"],
  ["iPad", "iPadOS"],
  ["Android", "Android"],
  ["CrOS", "ChromeOS"],
  ["Windows", "Windows"],
  ["Macintosh", "macOS"],
  ["Linux", "Linux"],
];

/** A browser with its major version, such as "Firefox 128", and the system that it runs on, "Linux". */
export interface BrowserName {
  readonly browser: string;
  readonly system: string;
}

/** What a user agent says of browser and system; null where it is none of a browser that is known here. */
export function browserName(userAgent: string): BrowserName | null {
  if (!userAgent.startsWith("Mozilla/")) return null;
  const system = SYSTEMS.find(([words]) => userAgent.includes(words))?.[1];
  for (const [product, name] of BROWSERS) {
    const version = userAgent.match(`\\b${product}/(\\d+)`)?.[1];
    if (!version) continue;
    if (name === "Safari" && !userAgent.includes("Safari/")) continue;
    return system ? { browser: `${name} ${version}`, system } : null;
  }
  return null;
}
