import { afterEach, describe, expect, it } from "vitest";
import { speak } from "../texts/locale.ts";
import { ApiError, explain, NetworkError } from "./errors.ts";

afterEach(() => speak("en", ["en-US"]));

const forbidden = new ApiError("forbidden", "Viewers cannot draw.", "Ask a manager.", 403);

describe("an error of the server", () => {
  it("is said in its own words in English", () => {
    expect(explain(forbidden)).toEqual({ message: "Viewers cannot draw.", hint: "Ask a manager." });
  });

  it("is said by its code in other languages, with the server's words after it", () => {
    speak("de", []);
    expect(explain(forbidden).message).toBe("Das dürfen Sie nicht. (Server: Viewers cannot draw.)");
  });

  it("is said in the server's words where its code has no text", () => {
    speak("zh-CN", []);
    const rare = new ApiError("not_better", "It is not better.", "", 409);
    expect(explain(rare).message).toBe("It is not better.");
  });
});

it("a server that does not answer is told of in the language of the page", () => {
  speak("de", []);
  expect(explain(new NetworkError("x")).hint).toContain("ob der Server läuft");
});
