"""Finds text of a page that hardly stands out from what it is written on."""

import json

# Contrast as WCAG 2.2 has it (success criterion 1.4.3): 4.5 to 1, or 3 to 1 for large text. What an
# element is written on is found behind it, up to the page; opacity counts.
SCRIPT = """(() => {
  const pixel = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const colour = text => {
    pixel.clearRect(0, 0, 1, 1);
    pixel.fillStyle = text;
    pixel.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = pixel.getImageData(0, 0, 1, 1).data;
    return {parts: [red, green, blue], alpha: alpha / 255};
  };
  const over = (above, below) => {
    const alpha = above.alpha + below.alpha * (1 - above.alpha);
    const part = index => (above.parts[index] * above.alpha +
      below.parts[index] * below.alpha * (1 - above.alpha)) / (alpha || 1);
    return {parts: [0, 1, 2].map(part), alpha};
  };
  const luminance = ({parts}) => {
    const [red, green, blue] = parts.map(part => part / 255).map(part =>
      part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const page = colour(getComputedStyle(document.body).backgroundColor);
  const contrast = element => {
    let back = {parts: [0, 0, 0], alpha: 0}, opacity = 1;
    for (let place = element; place; place = place.parentElement) {
      const style = getComputedStyle(place);
      back = over(back, colour(style.backgroundColor));
      opacity *= style.opacity;
    }
    back = over(back, page);
    const style = getComputedStyle(element);
    const text = over(colour(element.closest("svg") ? style.fill : style.color), back);
    const seen = [text, back].map(({parts}) => luminance(over({parts, alpha: opacity}, page)));
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    return (Math.max(...seen) + 0.05) / (Math.min(...seen) + 0.05) / (isLarge ? 3 : 4.5);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
    if (!text || element.closest("script, noscript, title, .away, .skip")) continue;
    if (!element.checkVisibility() || !element.getBoundingClientRect().width) continue;
    const part = contrast(element);
    if (part < 1) faint.push(text.slice(0, 40) + ": " + Math.round(part * 100) + "% of enough");
  }
  return JSON.stringify(faint);
})()"""


def faint_texts(browser):
    """Each text that is seen in the page and does not stand out enough, with how far it does."""
    return json.loads(browser.value(SCRIPT))
