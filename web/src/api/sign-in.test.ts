import { describe, expect, it } from "vitest";
import { answerIn } from "./sign-in.ts";

describe("answerIn", () => {
  it("takes what it knows of an answer and leaves the rest", () => {
    expect(answerIn("?code=a%2Bb&state=s&iss=https%3A%2F%2Fid.example&session_state=x")).toEqual({
      code: "a+b",
      state: "s",
      iss: "https://id.example",
    });
  });

  it("hands on an error, also one without a state", () => {
    expect(answerIn("?error=access_denied&error_description=No")).toEqual({
      state: "",
      error: "access_denied",
      error_description: "No",
    });
  });

  it.each(["", "?state=s", "?token=x"])("finds none in %j", (search) => {
    expect(answerIn(search)).toBeNull();
  });
});
