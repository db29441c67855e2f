/** Waiting until the server answers again. */
import { isAway } from "../api/errors.ts";

const FIRST_PAUSE = 1; // s; each further one is twice as long
const LONGEST_PAUSE = 30; // s

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
