/** Waiting until the server answers again. */
import { ApiError, NetworkError } from "../api/errors.ts";

const FIRST_PAUSE = 1; // s; each further one is twice as long
const LONGEST_PAUSE = 30; // s

/** Whether an error says that the server is away or has no time, and not that something is wrong with the request. */
export const isAway = (error: unknown): boolean =>
  error instanceof NetworkError || (error instanceof ApiError && [502, 503, 504].includes(error.status));

/**
 * Resolves once the server answers, whatever it answers; with whether it was away before.
 *
 * @param ask any question to the server that costs little
 * @param pause resolves after so many seconds, or when the browser says that it has a network again
 */
export async function untilReachable(
  ask: () => Promise<unknown>,
  pause: (seconds: number) => Promise<void> = secondsOrNetwork,
): Promise<boolean> {
  let away = false;
  for (let seconds = FIRST_PAUSE; ; seconds = Math.min(LONGEST_PAUSE, 2 * seconds)) {
    try {
      await ask();
      return away;
    } catch (error) {
      if (!isAway(error)) return away;
    }
    away = true;
    await pause(seconds);
  }
}

function secondsOrNetwork(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, 1000 * seconds);
    window.addEventListener("online", done);
  });
}
