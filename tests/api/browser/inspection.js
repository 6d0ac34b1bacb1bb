// What is wrong with the page that is shown, one sentence each. Runs inside the page.
() => {
  const wrong = [];
  const shown = element => element.offsetParent !== null || element === document.body;
  const name = element => (element.getAttribute("aria-label") || element.textContent || "").trim();
  const all = selector => [...document.querySelectorAll(selector)];
  if (document.documentElement.lang !== "en") wrong.push("the page has no language");
  if (all("h1").length !== 1) wrong.push(`${all("h1").length} first headings`);
  if (all("main").length !== 1) wrong.push("no main part");
  if (!document.title) wrong.push("no title");
  for (const field of all("input:not([type=hidden]):not([hidden]), select, textarea"))
    if (![...(field.labels || [])].some(label => label.textContent.trim()))
      wrong.push(`the field ${field.name} has no label`);
  for (const one of all("button, a[href], summary"))
    if (!name(one)) wrong.push(`${one.outerHTML} has no name`);
  for (const image of all("img")) if (!image.alt) wrong.push("a picture says nothing");
  const ids = all("[id]").map(one => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`twice the id ${id}`);
  for (const attribute of ["aria-describedby", "aria-labelledby"])
    for (const one of all(`[${attribute}]`))
      for (const id of one.getAttribute(attribute).split(" "))
        if (!document.getElementById(id)) wrong.push(`${attribute} leads to ${id}, which is not there`);
  const levels = all("h1, h2, h3").map(heading => Number(heading.tagName[1]));
  levels.forEach((level, index) => {
    if (index && level > levels[index - 1] + 1) wrong.push(`a heading of level ${level} skips one`);
  });
  if (document.documentElement.scrollWidth > innerWidth) wrong.push("it is wider than the window");
  const channel = value => { value /= 255; return value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4; };
  const light = ([red, green, blue]) => .2126 * channel(red) + .7152 * channel(green) + .0722 * channel(blue);
  const numbers = text => text.match(/[\d.]+/g).map(Number);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const [red, green, blue, alpha = 1] = numbers(getComputedStyle(one).backgroundColor);
      if (alpha === 1) return [red, green, blue];
    }
    return [255, 255, 255];
  };
  for (const element of all("body *")) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!own || !shown(element) || element.matches(".skip")) continue;
    const [one, other] = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
    if (ratio < 4.5) wrong.push(`${ratio.toFixed(2)}: too pale: ${element.textContent.trim().slice(0, 40)}`);
  }
  return wrong;
}
