/** Calls of the verification grid, and how its question stands in addresses. Each call rejects with ApiError or NetworkError. */
import { apiOf } from "./calls.ts";
import type { Http } from "./http.ts";
import { ROOT } from "./root.ts";
import type { ErrorRate, ErrorRatesBy, MaskSample, MaskVerdict, VerifiedMask } from "./types.ts";

/** Which masks are looked at. `category` and `person` 0: of none, of somebody who is not known; null: of all. */
export interface SampleQuery {
  readonly category: number | null;
  readonly person: number | null;
  readonly verdict: "any" | MaskVerdict | "unverified" | "mended";
  readonly size: number;
  readonly seed: number;
}

export const USUAL_SAMPLE: SampleQuery = { category: null, person: null, verdict: "any", size: 200, seed: 1 };
export const SIZES = [50, 100, 200, 500, 1000, 2000] as const;
const VERDICTS: readonly string[] = [
  "any",
  "right",
  "wrong",
  "unverified",
  "mended",
] satisfies SampleQuery["verdict"][];

/** What an address asks for; what it says otherwise than this page would is left out. */
export function sampleOf(address: string): SampleQuery {
  const said = new URLSearchParams(address);
  const number = <T>(name: string, least: number, most: number, usual: T): number | T => {
    const text = said.get(name) ?? "";
    const value = Number(text);
    return /^\d+$/.test(text) && value >= least && value <= most ? value : usual;
  };
  const verdict = said.get("verdict") ?? "";
  return {
    category: number("category", 0, Number.MAX_SAFE_INTEGER, null),
    person: number("person", 0, Number.MAX_SAFE_INTEGER, null),
    verdict: VERDICTS.includes(verdict) ? (verdict as SampleQuery["verdict"]) : USUAL_SAMPLE.verdict,
    size: number("size", 1, 2000, USUAL_SAMPLE.size),
    seed: number("seed", 0, 2 ** 32 - 1, USUAL_SAMPLE.seed),
  };
}

/** What follows the path in an address. The size and the seed always stand there, so that it means this sample for good. */
export function sampleAddress(query: SampleQuery): string {
  return `?${new URLSearchParams(Object.entries(asked(query)).map(([name, value]) => [name, String(value)]))}`;
}

function asked({ category, person, verdict, size, seed }: SampleQuery) {
  return {
    ...(category === null ? {} : { category }),
    ...(person === null ? {} : { person }),
    ...(verdict === "any" ? {} : { verdict }),
    size,
    seed,
  };
}

export class VerificationClient {
  private readonly api;

  constructor(http: Http) {
    this.api = apiOf(http.fetch);
  }

  async sample(projectId: number, query: SampleQuery): Promise<MaskSample> {
    const answer = await this.api.GET("/api/v1/projects/{project_id}/verification", {
      params: { path: { project_id: projectId }, query: asked(query) },
    });
    return answer.data as MaskSample;
  }

  /** How the masks of each category, or of each person, were judged; that with most errors first. */
  async rates(projectId: number, by: ErrorRatesBy): Promise<ErrorRate[]> {
    const answer = await this.api.GET("/api/v1/projects/{project_id}/statistics/verification", {
      params: { path: { project_id: projectId }, query: { by } },
    });
    return (answer.data as { groups: ErrorRate[] }).groups;
  }

  /** @param tell whether a mask that is wrong begins a thread of comments on the object */
  async judge(
    { uid, revision }: Pick<VerifiedMask, "uid" | "revision">,
    verdict: MaskVerdict | null,
    tell = true,
  ): Promise<VerifiedMask> {
    const answer = await this.api.PUT("/api/v1/annotations/{uid}/verdict", {
      params: { path: { uid } },
      body: { revision, verdict, tell },
    });
    return answer.data as VerifiedMask;
  }
}

/** Where the picture of a mask is; what is behind the address never changes. */
export const maskCrop = ({ uid, revision }: Pick<VerifiedMask, "uid" | "revision">) =>
  `${ROOT}/api/v1/annotations/${uid}/crop?revision=${revision}`;
export const verificationTable = (projectId: number) =>
  `${ROOT}/api/v1/projects/${projectId}/statistics/verification.csv`;
