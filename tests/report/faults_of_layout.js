// What is wrong with a page as it is laid out, a line each.
() => {
  const faults = [];
  const folded = one => one.tagName !== "SUMMARY" && one.closest("details:not([open])");
  const shown = all => [...document.querySelectorAll(all)].filter(one => one.offsetParent && !folded(one));
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth)
    faults.push("wider than the screen");
  for (const one of shown("td, th, span, b, p, figcaption, h1, h2, h3, summary"))
    if (getComputedStyle(one).display !== "inline" && one.scrollWidth > one.clientWidth + 1)
      faults.push("cut: " + one.textContent.slice(0, 60));
  for (const one of shown("figure"))
    if (!one.querySelector("svg *, .bar i"))
      faults.push("empty frame: " + one.textContent.slice(0, 60));
  for (const one of shown("td, th")) {
    const style = getComputedStyle(one);
    if (style.whiteSpace === "nowrap") continue;
    // A word ends at a hyphen too.
    for (const word of one.textContent.split(/[\s-]+/).filter(word => word.length < 20)) {
      const measured = document.createElement("span");
      measured.style.cssText = "position:absolute;visibility:hidden;white-space:nowrap";
      measured.style.font = style.font;
      measured.textContent = word;
      document.body.append(measured);
      const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (measured.offsetWidth > room + 1) faults.push("broken word: " + word);
      measured.remove();
    }
  }
  // Of a table that scrolls, what is seen of it.
  const seen = one => (one.closest(".scroll") || one).getBoundingClientRect();
  const boxes = shown("h2, h3, p, figure, .card, .advice, table").map(one => [one, seen(one)]);
  for (let at = 1; at < boxes.length; at++) {
    const [one, box] = boxes[at - 1], [next, below] = boxes[at];
    const inside = one.contains(next) || next.contains(one);
    const beside = below.left >= box.right - 1 || box.left >= below.right - 1;
    if (!inside && !beside && below.top < box.bottom - 1 && box.top < below.bottom - 1)
      faults.push("over each other: " + one.textContent.slice(0, 30) + next.textContent.slice(0, 30));
  }
  return faults;
}
