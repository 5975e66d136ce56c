// Follow one member through the strip, the table and the curves; the page says all it has to say without this.
(() => {
  const svgs = document.querySelectorAll("#curves svg");
  const readout = document.querySelector(".readout");
  const select = readout?.querySelector("select");
  const output = readout?.querySelector("output");
  const parts = new Map();
  document.querySelectorAll("[data-member]").forEach((part) => {
    const member = part.dataset.member;
    parts.set(member, [...(parts.get(member) ?? []), part]);
  });
  let pinned = "";
  let followed = "";

  const follow = (member) => {
    if (member === followed) return;
    parts.get(followed)?.forEach((part) => part.classList.remove("followed"));
    followed = parts.has(member) ? member : "";
    parts.get(followed)?.forEach((part) => part.classList.add("followed"));
    svgs.forEach((svg) => svg.classList.toggle("following", followed !== ""));
    const note = parts.get(followed)?.find((part) => part.dataset.note)?.dataset.note;
    if (output) output.textContent = note ?? "";
  };

  document.addEventListener("pointerover", (event) => {
    follow(event.target.closest?.("[data-member]")?.dataset.member ?? pinned);
  });
  // A note before what scrolls sideways, shown as long as it does.
  document.querySelectorAll(".sideways").forEach((note) => {
    const region = note.nextElementSibling;
    const measure = () => note.classList.toggle("needed", region.scrollWidth > region.clientWidth + 1);
    new ResizeObserver(measure).observe(region);
  });

  if (readout && parts.size > 1) {
    readout.hidden = false;
    select.addEventListener("change", () => {
      pinned = select.value;
      follow(pinned);
    });
  }
})();
