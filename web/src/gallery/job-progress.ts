/** How far a job over a project's images is. */
import type { Job } from "../api/types.ts";
import { number } from "../texts/format.ts";
import { m } from "../texts/messages.ts";

type Said = (counts: { done: string; count: string }) => string;

/** Whether a job is not over: it runs, is paused, or was stopped by a failure and can go on. */
export function isOpen(job: Job | null): job is Job {
  return job !== null && ["running", "paused", "failed"].includes(job.state);
}

/** In a sentence. @param running what is said while it runs */
export function progressOf(job: Job, running: Said): string {
  const said =
    job.state === "paused" ? m.gallery_job_paused : job.state === "failed" ? m.gallery_job_stopped : running;
  return said({ done: number(job.done), count: number(job.total) });
}
