"""13 and 20: two very old or old patients who live at home."""

PARKINSON = {
    "gp": "mg-lyon",
    "marital": "Veuf",
    "team": ["neurologue", "infirmier", "kine"],
    "relatives": [
        (
            "fils",
            ["TRUSTED_CONTACT", "CAREGIVER_CONTACT"],
            "SONC",
            "Fils",
            "Jacques",
            "Lambert",
            "06 39 98 23 01",
        ),
    ],
    "encounters": [
        ("2026-chute", "EMER", "2026-04-27T09:30", "2026-04-27T14:00", "urgentiste", "Chute à domicile")
    ],
    "conditions": [
        ("parkinson", "active", "2013-06-05", "", "Fluctuations motrices."),
        ("hta", "active", "1979", "", ""),
    ],
    "family": [("BRO", "Frère", "parkinson", 80, "")],
    "treatments": [("levodopa", "2013-07-01", "", "1 gélule 5 fois par jour à heures fixes", "parkinson")],
    "prescriptions": [
        ("2026-09-03", "neurologue", "2026-09-04", [("levodopa", "1 gélule 5 fois par jour", 90)])
    ],
    "vaccines": [
        ("grippe", "2025-10-16", 1, "FIC-GRI-25", "infirmier"),
        ("zona", "2025-03-13", 1, "FIC-ZON-25B", "infirmier"),
    ],
    "vitals": [
        ("2020-01-14", {"weight": 72, "height": 169, "blood_pressure": (142, 78)}),
        ("2026-09-03", {"weight": 66.5, "blood_pressure": (118, 62), "pulse": 66}),
    ],
    "labs": [
        (
            "2026-04-27",
            "urgentiste",
            "Pas d'anomalie.",
            {"hemoglobine": 13.1, "sodium": 139, "creatinine": 98, "dfg": 58},
        )
    ],
    "imaging": [("scanner-crane", "2026-04-27", "radiologue", "Chute", "Pas de lésion traumatique.")],
    "documents": [
        {
            "key": "urgences",
            "type": "15507-7",
            "title": "CR de passage aux urgences",
            "date": "2026-04-27",
            "author": "urgentiste",
            "encounter": "2026-chute",
            "lines": ["Chute sans perte de connaissance, hypotension orthostatique. Retour à domicile."],
        },
        {
            "key": "bilan-medicamenteux",
            "type": "56445-0",
            "title": "Bilan partagé de médication",
            "date": "2026-05-20",
            "author": "pharmacien",
            "pdf": True,
            "lines": ["Antihypertenseur arrêté pour hypotension. Horaires stricts de la lévodopa."],
        },
    ],
    "reimbursed": [("2026-09-03", "professional", "Consultation de neurologie", "neurologue", 60, 60, 100)],
    "emergency": ("2023-03-01", {"ETREAT": "permit", "BTG": "permit", "MASKED": "permit"}),
    "directives": (
        "2023-03-01",
        ["Je refuse d'être transféré en réanimation.", "Je souhaite mourir chez moi."],
    ),
}

HIP_REPLACEMENT = {
    "gp": "mg-lyon",
    "marital": "Mariée",
    "team": ["ophtalmologue", "kine"],
    "relatives": [
        (
            "epoux",
            ["TRUSTED_CONTACT", "EMERGENCY_CONTACT"],
            "HUSB",
            "Époux",
            "Yann",
            "Kermarrec",
            "06 39 98 30 01",
        )
    ],
    "encounters": [
        ("2023-hop", "IMP", "2023-10-02T07:00", "2023-10-06T11:00", "ortho", "Prothèse de hanche gauche")
    ],
    "conditions": [
        ("coxarthrose", "resolved", "2019", "2023-10-02", "Hanche gauche."),
        ("osteoporose", "active", "2016-04-11", "", ""),
        ("glaucome", "active", "2012", "", "Les deux yeux."),
        ("cataracte", "resolved", "2017", "2018-09-11", "Opérée des deux côtés."),
    ],
    "procedures": [
        ("prothese-hanche", "2023-10-02", "ortho", "Côté gauche."),
        ("cataracte", "2018-09-11", "ophtalmologue", ""),
    ],
    "allergies": [("codeine", "Codéine", "medication", "low", "2023-10-03", "Nausées", "mild")],
    "treatments": [
        ("alendronate", "2016-05-02", "2021-05-03", "1 comprimé par semaine", "osteoporose"),
        ("latanoprost", "2012-10-01", "", "1 goutte dans chaque œil le soir", "glaucome"),
        ("vitamine-d", "2016-05-02", "", "1 ampoule par trimestre", "osteoporose"),
    ],
    "prescriptions": [
        (
            "2026-03-24",
            "ophtalmologue",
            "2026-03-25",
            [("latanoprost", "1 goutte dans chaque œil le soir", 180)],
        )
    ],
    "vaccines": [
        ("grippe", "2025-10-15", 1, "FIC-GRI-25", "infirmier"),
        ("dtp", "2020-01-21", 1, "FIC-DTP-20", "mg-lyon"),
    ],
    "vitals": [
        ("2016-04-11", {"weight": 62, "height": 160, "blood_pressure": (136, 78)}),
        ("2026-03-10", {"weight": 59, "height": 157, "blood_pressure": (140, 80)}),
    ],
    "labs": [
        ("2026-03-03", "mg-lyon", "Vitamine D suffisante.", {"vitamine-d": 36, "creatinine": 70, "dfg": 76})
    ],
    "imaging": [
        (
            "osteodensitometrie",
            "2026-03-16",
            "radiologue",
            "Ostéoporose traitée",
            "T-score fémoral −2,1, stable.",
        ),
        (
            "radio-hanche",
            "2024-10-01",
            "radiologue",
            "Contrôle de prothèse",
            "Prothèse en place, pas de descellement.",
        ),
    ],
    "documents": [
        {
            "key": "liaison-sortie",
            "type": "11490-0",
            "title": "Lettre de liaison de sortie",
            "date": "2023-10-06",
            "author": "ortho",
            "encounter": "2023-hop",
            "period": ("2023-10-02", "2023-10-06"),
            "pdf": True,
            "lines": ["Prothèse totale de hanche gauche, appui complet. Rééducation à domicile."],
        },
        {
            "key": "ophtalmologie",
            "type": "78513-9",
            "title": "CR de consultation en ophtalmologie",
            "date": "2026-03-24",
            "author": "ophtalmologue",
            "lines": ["Pression intraoculaire 15 mmHg des deux côtés, champ visuel stable."],
        },
    ],
    "reimbursed": [
        ("2026-03-24", "professional", "Consultation d'ophtalmologie", "ophtalmologue", 45, 31.5, 70)
    ],
    "synthesis": ("2026-03-10", "Codéine mal tolérée. Glaucome : éviter les anticholinergiques."),
}

STORIES = {13: PARKINSON, 20: HIP_REPLACEMENT}
