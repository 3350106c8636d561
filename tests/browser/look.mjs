// How a page looks: nothing too wide, nothing that keeps anybody out. `SHOTS=FOLDER` keeps a picture of each look.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Waits until this has the keyboard's focus. */
export async function focused(locator) {
  const has = (element) => element === document.activeElement;
  for (const end = Date.now() + 5_000; !(await locator.evaluate(has)); ) {
    assert.ok(Date.now() < end, `${locator} has no focus`);
  }
}

/** No accessibility violation, and nothing wider than the window, at four widths, in light and dark. */
export async function wellMade(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    // Without motion: colours that are on their way read as neither scheme's.
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of [320, 360, 1280, 1920]) {
      await page.setViewportSize({ width, height: width < 1000 ? 740 : 900 });
      const overflow = await page.evaluate(async () => {
        // What has just come may still be on its way to its place.
        const ends = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime < Infinity);
        await Promise.allSettled(ends.map((one) => one.finished));
        return document.documentElement.scrollWidth - document.documentElement.clientWidth;
      });
      assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
      if (process.env.SHOTS && name) {
        mkdirSync(process.env.SHOTS, { recursive: true });
        await page.screenshot({ path: join(process.env.SHOTS, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      }
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${id} at ${width}, ${colorScheme}: ${nodes[0].html}`), []);
    }
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}
