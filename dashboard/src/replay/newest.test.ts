// @vitest-environment node
import { expect, it } from "vitest";
import { NewestSender } from "./newest";

it("sends one at a time, and of those that wait only the newest", async () => {
  const sent: number[] = [];
  const answers: (() => void)[] = [];
  const sender = new NewestSender<number>((value) => {
    sent.push(value);
    return new Promise<void>((resolve) => answers.push(resolve));
  });
  const done = sender.push(1);
  void sender.push(2);
  void sender.push(3);
  expect(sent).toEqual([1]);
  answers.shift()?.();
  await Promise.resolve();
  await Promise.resolve();
  expect(sent).toEqual([1, 3]);
  answers.shift()?.();
  await done;
  void sender.push(4);
  expect(sent).toEqual([1, 3, 4]);
});
