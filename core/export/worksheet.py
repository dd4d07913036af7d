"""A lesson on paper: a worksheet as HTML, with room for guesses, or with the answers."""

import html
from collections.abc import Mapping
from typing import Final

from markdown_it import MarkdownIt

from core.lessons.lesson import CellQuestion, Choice, Lesson, Number, Step

_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False})
_ROOM: Final = "_" * 24


def worksheet(lesson: Lesson, answers: Mapping[str, str] | None = None) -> bytes:
    """A lesson's worksheet.

    Args:
        lesson: the lesson.
        answers: by step, the text after the guess as Markdown, with what was measured; None leaves
            room for what the reader finds out.

    Returns:
        A HTML file, UTF-8, that needs nothing else.
    """
    steps = "".join(
        _step(number, step, answers) for number, step in enumerate(lesson.steps, start=1)
    )
    kind = "Worksheet" if answers is None else "Worksheet with answers"
    source = f"<p>After: {html.escape(lesson.source)}</p>" if lesson.source else ""
    return _PAGE.format(
        title=html.escape(lesson.title),
        kind=kind,
        about=_MARKDOWN.render(lesson.about),
        source=source,
        minutes=lesson.minutes,
        steps=steps,
    ).encode()


def _step(number: int, step: Step, answers: Mapping[str, str] | None) -> str:
    where = "; ".join(f"{link.page.capitalize()}: {link.label}" for link in step.links)
    parts = [f"<h2>{number}. {html.escape(step.title)}</h2>", _MARKDOWN.render(step.text)]
    if where:
        parts.append(f'<p class="where">In the app: {html.escape(where)}</p>')
    if step.guess:
        parts.append(_question(step.guess))
    if answers is None:
        if step.guess:
            parts.append(f"<p>My guess: {_ROOM}</p><p>Measured: {_ROOM}</p>")
    elif step.id in answers:
        parts.append(f'<div class="answer">{_MARKDOWN.render(answers[step.id])}</div>')
    return f"<section>{''.join(parts)}</section>"


def _question(question: Choice | Number | CellQuestion) -> str:
    text = _MARKDOWN.renderInline(question.question)
    if not isinstance(question, Choice):
        return f'<p class="question">{text}</p>'
    options = "".join(f"<li>{html.escape(option)}</li>" for option in question.options)
    return f'<p class="question">{text}</p><ul class="options">{options}</ul>'


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}: {kind}</title>
<style>
@page {{ margin: 18mm; }}
body {{ max-width: 44rem; margin: 1rem auto; padding: 0 .75rem; color: #10151f; background: #fff;
  font: 11pt/1.45 sans-serif; }}
h1 {{ margin-bottom: 0; }}
section {{ break-inside: avoid; border-top: 1px solid #888; padding: .25rem 0 .5rem; }}
h2 {{ font-size: 1.1em; margin: .6em 0 .3em; }}
p {{ margin: .35em 0; }}
.where {{ color: #444; font-size: .92em; }}
.question {{ font-weight: 600; }}
.options {{ display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; list-style: none; padding: 0; }}
.options li::before {{ content: "\\2610\\00a0"; }}
.answer {{ border-left: 3px solid #1f5fa8; padding-left: .7rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{kind} · about {minutes} minutes · Digitscope</p>
{about}
{source}
{steps}
</body>
</html>
"""
