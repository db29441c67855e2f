import { describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../api/errors.ts";
import { untilReachable } from "./reachable.ts";

describe("a server that is away", () => {
  it("is asked again after growing pauses until it answers", async () => {
    const ask = vi.fn().mockResolvedValue(undefined);
    for (let failures = 0; failures < 7; failures += 1) ask.mockRejectedValueOnce(new NetworkError("away"));
    const pause = vi.fn(async (_seconds: number) => {});
    expect(await untilReachable(ask, pause)).toBe(true);
    expect(pause.mock.calls.map(([seconds]) => seconds)).toEqual([1, 2, 4, 8, 16, 30, 30]);
  });

  it("is there when it answers with an error of its own, and not while a proxy answers for it", async () => {
    const ask = vi
      .fn()
      .mockRejectedValueOnce(new ApiError("unexpected_answer", "", "", 502))
      .mockRejectedValueOnce(new ApiError("not_signed_in", "", "", 401));
    expect(await untilReachable(ask, async () => {})).toBe(true);
    expect(ask).toHaveBeenCalledTimes(2);
    expect(await untilReachable(ask, async () => {})).toBe(false);
  });
});
