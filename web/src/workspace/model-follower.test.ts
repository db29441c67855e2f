import { beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../api/errors.ts";
import { ModelFollower, type ModelFollowerHost } from "./model-follower.ts";

const engine = { ready: true, follow: vi.fn(async () => true), turnOver: vi.fn(() => true) };
const session = { draft: { active: false }, lookAt: vi.fn() };
const host = {
  engine,
  session,
  cache: { clear: vi.fn() },
  closer: { reset: vi.fn() },
  taken: vi.fn(),
  embedAgain: vi.fn(),
  refused: vi.fn(),
};
const follower = new ModelFollower(host as unknown as ModelFollowerHost);

beforeEach(() => {
  vi.clearAllMocks();
  engine.ready = true;
  session.draft.active = false;
});

it("takes the model that the project uses, and has the open image encoded for it", async () => {
  await follower.follow("b");
  expect(engine.follow).toHaveBeenCalledWith("b");
  expect(engine.turnOver).toHaveBeenCalledOnce();
  expect(host.cache.clear).toHaveBeenCalledOnce();
  expect(host.taken).toHaveBeenCalledOnce();
  expect(session.lookAt).toHaveBeenCalledWith(null);
  expect(host.embedAgain).toHaveBeenCalledOnce();
});

it("leaves the model as it is while something is drawn with its answers, and takes the other one after that", async () => {
  session.draft.active = true;
  await follower.follow("b");
  expect(engine.turnOver).not.toHaveBeenCalled();
  session.draft.active = false;
  follower.turnOverWhenFree();
  expect(host.embedAgain).toHaveBeenCalledOnce();
});

it("takes the other model though something is drawn when the model of the page gives no answers", async () => {
  session.draft.active = true;
  engine.ready = false;
  await follower.follow("b");
  expect(host.embedAgain).toHaveBeenCalledOnce();
});

it("says nothing when there is no other model", () => {
  engine.turnOver.mockReturnValueOnce(false);
  follower.turnOverWhenFree();
  expect(host.cache.clear).not.toHaveBeenCalled();
  expect(host.taken).not.toHaveBeenCalled();
  expect(host.embedAgain).not.toHaveBeenCalled();
});

it("hears from a refusal that the project uses another model, and from no other error", async () => {
  const changed = new ApiError("model_changed", "The project uses another model.", "", 409);
  await expect(follower.heeding(Promise.reject(changed))).rejects.toBe(changed);
  expect(host.refused).toHaveBeenCalledOnce();
  const gone = new ApiError("not_found", "It is gone.", "", 404);
  await expect(follower.heeding(Promise.reject(gone))).rejects.toBe(gone);
  expect(host.refused).toHaveBeenCalledOnce();
  expect(await follower.heeding(Promise.resolve(5))).toBe(5);
});
