"""What a posting says where it is advertised, beyond its title: one model for the form, storage and sending."""

import html
import re
import uuid
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SHORTEST_DESCRIPTION = 25
LONGEST_DESCRIPTION = 30_000
MOST_QUESTIONS = 30
#: Of a requisition in a posting's name at platforms.
LONGEST_STEM = 48
EmploymentType = Literal["full_time", "part_time", "contractor", "temporary", "internship", "other"]
SalaryUnit = Literal["hour", "day", "week", "month", "year"]
QuestionKind = Literal["text", "date", "select", "multiselect", "upload"]
#: How each employment type and unit is called on screen.
EMPLOYMENT_LABELS: dict[str, str] = {
    "full_time": "Full time",
    "part_time": "Part time",
    "contractor": "Contractor",
    "temporary": "Temporary",
    "internship": "Internship",
    "other": "Other",
}
UNIT_LABELS: dict[str, str] = {
    "hour": "An hour",
    "day": "A day",
    "week": "A week",
    "month": "A month",
    "year": "A year",
}


class Question(BaseModel):
    """One question to applicants. `choices` are for select and multiselect."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    text: str = Field(min_length=1, max_length=500)
    kind: QuestionKind = "text"
    is_required: bool = False
    choices: tuple[str, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _has_choices(self) -> Self:
        if self.kind in {"select", "multiselect"} and len(self.choices) < 2:
            raise ValueError("a question to choose from needs two answers at least")
        return self


class Advert(BaseModel):
    """What platforms need to show a posting. A salary is in whole major units (50000 EUR), as adverts say it.

    >>> Advert(country="us").country
    'US'
    >>> Advert(salary_min=50_000, salary_max=60_000, salary_currency="eur").salary_currency
    'EUR'
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    description: str = Field("", max_length=LONGEST_DESCRIPTION)
    employment_type: EmploymentType = "full_time"
    is_remote: bool = False
    street: str = Field("", max_length=200)
    city: str = Field("", max_length=120)
    region: str = Field("", max_length=120)
    postal_code: str = Field("", max_length=20)
    country: str = ""
    salary_min: int | None = Field(None, ge=0, le=10**9)
    salary_max: int | None = Field(None, ge=0, le=10**9)
    salary_currency: str = ""
    salary_unit: SalaryUnit = "year"
    questions: tuple[Question, ...] = Field(default=(), max_length=MOST_QUESTIONS)

    @field_validator("country", "salary_currency")
    @classmethod
    def _is_upper(cls, text: str) -> str:
        return text.upper()

    @field_validator("country")
    @classmethod
    def _is_country(cls, text: str) -> str:
        if text and not re.fullmatch(r"[A-Z]{2}", text):
            raise ValueError("a country is two letters, such as US or DE")
        return text

    @field_validator("description")
    @classmethod
    def _is_plain(cls, text: str) -> str:
        return "".join(letter for letter in text.replace("\r\n", "\n") if letter in "\n\t" or letter.isprintable())

    @model_validator(mode="after")
    def _is_a_salary(self) -> Self:
        low, high = self.salary_min, self.salary_max
        if low is not None and high is not None and low > high:
            raise ValueError("the salary's lower end is above its upper end")
        if (low is not None or high is not None) and not re.fullmatch(r"[A-Z]{3}", self.salary_currency):
            raise ValueError("a salary needs its currency: three letters, such as USD")
        return self


def description_html(advert: Advert) -> str:
    """The description as the little HTML that platforms take: paragraphs and line breaks, everything else as text.

    >>> description_html(Advert(description="You build <robots>.\\n\\nYou like:\\n- rust"))
    '<p>You build &lt;robots&gt;.</p><p>You like:<br>- rust</p>'
    """
    paragraphs = [part.strip() for part in re.split(r"\n\s*\n", advert.description) if part.strip()]
    return "".join(f"<p>{html.escape(part, quote=False).replace(chr(10), '<br>')}</p>" for part in paragraphs)


def reference(requisition_ref: str, number: int, posting_id: uuid.UUID) -> str:
    """A posting's name at platforms: its requisition, and six letters that make it ours alone. At most 64 characters.

    >>> reference("REQ 7/a", 7, uuid.UUID(int=0xABCDEF)), reference("", 7, uuid.UUID(int=1))
    ('REQ-7-a-abcdef', 'posting-7-000001')
    """
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", requisition_ref).strip("-")[:LONGEST_STEM]
    return f"{stem or f'posting-{number}'}-{posting_id.hex[-6:]}"
