"""Issues about XML say where in the XML they are. https://hl7.org/fhir/R4/extension-operationoutcome-issue-line.html"""

from __future__ import annotations

import pytest

from fhir_server.rest.xml.position import locate_xml

TEXT = b"""<?xml version="1.0"?>
<Bundle xmlns="http://hl7.org/fhir">
  <entry><resource>
    <Patient>
      <contained><Basic><code/></Basic></contained>
      <name><family value="a"/></name>
      <name><given value="a"/> <given value="b"/></name>
      <deceasedBoolean value="true"/>
    </Patient></resource></entry>
  <entry/>
</Bundle>"""


@pytest.mark.parametrize(
    ("expression", "line", "column"),
    [
        ("Bundle", 2, 1),
        ("Bundle.entry[1]", 10, 3),
        ("Bundle.entry[0].resource", 3, 10),
        ("Bundle.entry[0].resource.name[1]", 7, 7),
        ("Bundle.entry[0].resource.name[1].given[1]", 7, 32),
        ("Bundle.entry[0].resource.contained[0].code", 5, 25),
        ("Bundle.entry[0].resource.deceased.ofType(boolean)", 8, 7),
        ("Bundle.entry[0].resource.birthDate", 3, 10),
        ("Bundle.entry[7]", 2, 1),
        ("Bundle.type", 2, 1),
        ("", 2, 1),
        ("http.mode", 2, 1),
    ],
)
def test_an_expression_has_a_place(expression: str, line: int, column: int) -> None:
    assert locate_xml(TEXT, [expression])[expression] == (line, column)


def test_a_resource_inside_is_the_start_of_its_expressions() -> None:
    found = locate_xml(TEXT, ["Patient.name[0].family", "Patient"], ("entry", 0, "resource"))
    assert found == {"Patient.name[0].family": (6, 13), "Patient": (3, 10)}
