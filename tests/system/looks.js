// What a person would stumble over: text too faint for its background (WCAG 2 contrast), and what sticks out sideways.
const channels = css => css.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b]
  .map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const color = channels(getComputedStyle(e).backgroundColor);
    if (color[3] !== 0) return color;
  }
  return [255, 255, 255];
};
const contrast = e => {
  const [a, b] = [channels(getComputedStyle(e).color), behind(e)].map(luminance);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
};
const all = [...document.body.querySelectorAll('*')];
const hasText = e => [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim());
return {
  contrast: Math.min(...all.filter(hasText).map(contrast)),
  paper: luminance(behind(document.body)),
  card: luminance(behind(document.querySelector('main'))),
  width: innerWidth,
  right: Math.max(document.documentElement.scrollWidth, ...all.map(e => e.getBoundingClientRect().right)),
};
