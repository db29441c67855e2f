// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it, vi } from "vitest";
import type { ErrorRate, ErrorRatesBy } from "../../api/types.ts";
import { contextOf } from "../../app/services.ts";
import ErrorRates from "./ErrorRates.svelte";

const rate = (key: number, name: string, right: number, wrong: number, mended = 0): ErrorRate => ({
  key,
  name,
  right,
  wrong,
  mended,
  error_rate: (wrong + mended) / (right + wrong + mended),
  low: 0.25,
  high: 0.75,
});
const FOUND: Record<ErrorRatesBy, ErrorRate[]> = {
  category: [rate(1, "cat", 1, 1), rate(2, "dog", 6, 1, 1)],
  person: [rate(3, "Ann", 7, 2, 1)],
};
const rows = () =>
  screen.getAllByRole("row").map((each) =>
    each.textContent
      ?.trim()
      .split(/\s{2,}|\n/)
      .join(" "),
  );

afterEach(cleanup);

it("shows each group with its interval, and all of them with their own", async () => {
  const rates = vi.fn(async (_: number, by: ErrorRatesBy) => FOUND[by]);
  render(ErrorRates, { props: { projectId: 7 }, context: contextOf({ verification: { rates } as never }) });
  await screen.findByRole("row", { name: /cat/ });
  const [, cat, dog, all] = rows();
  expect(cat).toMatch(/cat\s*2\s*1\s*0\s*50\s?% \(25\s?%–75\s?%\)/);
  expect(dog).toMatch(/dog\s*8\s*1\s*1\s*25\s?%/);
  expect(all).toMatch(/All\s*10\s*2\s*1\s*30\s?% \(10\.8\s?%–60\.3\s?%\)/); // Wilson of 3 of 10
  expect(screen.getByRole("link", { name: "Error rates as CSV" }).getAttribute("href")).toContain(
    "/projects/7/statistics/verification.csv",
  );
  await userEvent.selectOptions(screen.getByRole("combobox"), "person");
  await screen.findByRole("row", { name: /Ann/ });
  expect(rows()).toHaveLength(2); // one group is all there is
  expect(rates.mock.calls.map(([, by]) => by)).toEqual(["category", "person"]);
});

it("says when nothing was judged, and what went wrong", async () => {
  const rates = vi.fn().mockRejectedValueOnce(new Error("no network")).mockResolvedValue([]);
  render(ErrorRates, { props: { projectId: 7 }, context: contextOf({ verification: { rates } as never }) });
  await screen.findByRole("alert");
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await screen.findByText("No mask was judged yet.");
  expect(screen.queryByRole("alert")).toBeNull();
});
