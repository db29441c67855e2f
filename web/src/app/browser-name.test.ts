import { expect, test } from "vitest";
import { browserName } from "./browser-name.ts";

const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";
const MOBILE_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

test.each([
  [`Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36`, "Chrome 126", "Linux"],
  [
    `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/126.0.6478.0 Safari/537.36`,
    "Chrome 126",
    "Linux",
  ],
  [
    `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} Ubuntu Chromium/80.0 Chrome/80.0.3987.87 Safari/537.36`,
    "Chromium 80",
    "Linux",
  ],
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.87`,
    "Edge 126",
    "Windows",
  ],
  [
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Chrome/125.0.0.0 Safari/537.36 OPR/111.0.0.0`,
    "Opera 111",
    "macOS",
  ],
  [
    `Mozilla/5.0 (Linux; Android 14; SM-S918B) ${WEBKIT} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36`,
    "Samsung Internet 25",
    "Android",
  ],
  ["Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox 128", "Linux"],
  [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Firefox 127",
    "macOS",
  ],
  [
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${MOBILE_SAFARI} Version/17.5 Safari/605.1.15`,
    "Safari 17",
    "macOS",
  ],
  [
    `Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) ${MOBILE_SAFARI} Version/17.5 Mobile/15E148 Safari/604.1`,
    "Safari 17",
    "iOS",
  ],
  [
    `Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) ${MOBILE_SAFARI} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1`,
    "Chrome 126",
    "iPadOS",
  ],
  [
    `Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${WEBKIT} Chrome/126.0.0.0 Safari/537.36`,
    "Chrome 126",
    "ChromeOS",
  ],
])("of %s it says browser and system", (userAgent, browser, system) => {
  expect(browserName(userAgent)).toEqual({ browser, system });
});

test.each([
  "",
  "curl/8.5.0",
  "python-httpx/0.27.0",
  "Mozilla/5.0 (compatible; Chrome/126.0)",
  "Mozilla/5.0 (X11; Linux x86_64) Version/9.0",
])("of what is no browser that is known, as %s, it says nothing", (userAgent) => {
  expect(browserName(userAgent)).toBeNull();
});
