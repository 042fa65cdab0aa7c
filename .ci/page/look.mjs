// Opens pages in a real browser and fails where one of them runs over its edge, asks anybody for anything, breaks its own
// content policy, holds a script, or is not accessible. Usage: node look.mjs SCREENSHOTS PAGE.html...

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import puppeteer from 'puppeteer-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const [shots, ...pages] = process.argv.slice(2);
const WIDTHS = [320, 768, 1280];
const SCHEMES = ['light', 'dark'];
// WCAG 2.2 A and AA, and what axe's authors hold for good practice.
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/// What sticks out over the right edge, by its tag and class; nothing where the page has no sideways scroll.
const overflow = () => {
  const edge = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= edge) return [];
  const out = [...document.querySelectorAll('body *')].filter(it => it.getBoundingClientRect().right > edge + 1);
  return out.slice(0, 5).map(it => `${it.tagName.toLowerCase()}.${it.getAttribute('class') ?? ''}`);
};

/// Words of a picture that stick out of the box in which they stand.
const outOfBox = () =>
  [...document.querySelectorAll('svg g')].flatMap(group => {
    const edge = group.querySelector('rect.box')?.getBoundingClientRect().right ?? Infinity;
    const words = [...group.querySelectorAll('text')].filter(it => it.getBoundingClientRect().right > edge);
    return words.map(it => it.textContent);
  });

// An axis shows its last words beyond its edge, and is not cut.
const outOfPicture = () =>
  [...document.querySelectorAll('svg text')]
    .filter(it => getComputedStyle(it.ownerSVGElement).overflowX !== 'visible')
    .filter(it => it.getBoundingClientRect().right > it.ownerSVGElement.getBoundingClientRect().right + 1)
    .map(it => it.textContent);

const lookAt = async (browser, file) => {
  const wrong = [];
  const page = await browser.newPage();
  const url = pathToFileURL(resolve(file)).href;
  page.on('request', request => request.url() !== url && wrong.push(`asks for ${request.url().slice(0, 120)}`));
  page.on('console', message => message.type() === 'error' && wrong.push(`console: ${message.text().slice(0, 200)}`));
  await page.goto(url);
  if (await page.evaluate(() => document.scripts.length)) wrong.push('holds a script');
  for (const scheme of SCHEMES) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    for (const width of WIDTHS) {
      await page.setViewport({ width, height: 900 });
      const where = `${width} ${scheme}`;
      for (const open of [false, true]) {
        await page.evaluate(open => document.querySelectorAll('details').forEach(it => (it.open = open)), open);
        const out = await page.evaluate(overflow);
        if (out.length) wrong.push(`${where}: runs over its edge (${out.join(', ')})`);
        const words = await page.evaluate(outOfBox);
        if (words.length) wrong.push(`${where}: out of its box (${words.slice(0, 5).join(', ')})`);
        const cut = await page.evaluate(outOfPicture);
        if (cut.length) wrong.push(`${where}: out of its picture (${cut.slice(0, 5).join(', ')})`);
        if (open) break;
        const path = join(shots, `${basename(file, '.html')}-${width}-${scheme}.png`);
        await page.screenshot({ path, fullPage: true });
      }
      // Folded parts are open here: what is hidden is not looked at.
      await page.evaluate(axe);
      const found = await page.evaluate(rules => window.axe.run(document, { runOnly: rules }), RULES);
      for (const { id, help, nodes } of found.violations) {
        wrong.push(`${where}: ${id} (${help}), ${nodes.length} times, such as ${nodes[0].html.slice(0, 160)}`);
      }
    }
  }
  await page.close();
  return wrong;
};

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
// Root has no sandbox, and the pages come from this repository alone.
const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
let failed = false;
for (const file of pages) {
  const wrong = await lookAt(browser, file);
  failed ||= wrong.length > 0;
  console.log(wrong.length ? `WRONG ${basename(file)}\n  ${wrong.join('\n  ')}` : `good  ${basename(file)}`);
}
await browser.close();
process.exit(failed ? 1 : 0);
