const options = {ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip: false};
for (const holder of document.querySelectorAll("script[type='application/json'][data-for]")) {
  const target = document.getElementById(holder.dataset.for);
  const drawn = document.createElement("div");
  vegaEmbed(drawn, JSON.parse(holder.textContent), options)
    .then(() => target.replaceChildren(drawn))
    .catch((problem) => console.warn("the picture stays as it was drawn", problem));
}
