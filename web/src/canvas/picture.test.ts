import { expect, test, vi } from "vitest";
import { isFreed, Picture } from "./picture.ts";

const IMAGE = { width: 640, height: 480 };
const VIEW = { scale: 1, x: 0, y: 0 };

function bitmap(width: number): ImageBitmap {
  return { width, height: 480, close: () => undefined };
}

function painted(of: ImageBitmap): number {
  const context = { drawImage: vi.fn() };
  new Picture(of, () => undefined).paint(context as unknown as CanvasRenderingContext2D, IMAGE, VIEW, 1);
  return context.drawImage.mock.calls.length;
}

test("a bitmap that was freed is not painted, since that is an error; its width is 0 then", () => {
  expect(isFreed(bitmap(0))).toBe(true);
  expect(painted(bitmap(0))).toBe(0);
  expect(painted(bitmap(640))).toBe(1);
});
