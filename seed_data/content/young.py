"""6, 7, 8 and 18: a baby and three minors; one has documents hidden from her representatives."""

BABY = {
    "gp": "pediatre",
    "minor": True,
    "relatives": [
        (
            "pere",
            ["EMERGENCY_CONTACT"],
            "FTH",
            "Père, représentant légal",
            "Antoine",
            "Petit",
            "06 39 98 16 01",
        ),
        (
            "mere",
            ["EMERGENCY_CONTACT"],
            "MTH",
            "Mère, représentante légale",
            "Camille",
            "Aubert",
            "06 39 98 16 02",
        ),
    ],
    "encounters": [
        ("8e-jour", "AMB", "2026-02-25T10:00", "2026-02-25T10:30", "pediatre", "Examen du huitième jour"),
        ("bronchiolite", "EMER", "2026-10-11T20:10", "2026-10-11T23:00", "urgentiste", "Bronchiolite"),
    ],
    "conditions": [("bronchiolite", "resolved", "2026-10-11", "2026-10-19", "Sans hospitalisation.")],
    "family": [("FTH", "Père", "asthme", 8, "")],
    "vaccines": [
        ("hexa", "2026-04-20", 1, "FIC-HEX-26A", "pediatre"),
        ("pneumo", "2026-04-20", 1, "FIC-PNE-26A", "pediatre"),
        ("rota", "2026-04-20", 1, "FIC-ROT-26A", "pediatre"),
        ("meningo-b", "2026-05-18", 1, "FIC-MNB-26A", "pediatre"),
        ("hexa", "2026-06-22", 2, "FIC-HEX-26B", "pediatre"),
        ("pneumo", "2026-06-22", 2, "FIC-PNE-26B", "pediatre"),
    ],
    "vitals": [
        ("2026-02-25", {"weight": 3.4, "height": 50.5, "head": 35.5}),
        ("2026-04-20", {"weight": 5.2, "height": 57, "head": 39}),
        ("2026-06-22", {"weight": 6.7, "height": 62.5, "head": 41.5}),
        ("2026-10-11", {"weight": 8.1, "height": 69, "temperature": 38.2, "saturation": 95}),
    ],
    "documents": [
        {
            "key": "maternite",
            "type": "78489-2",
            "title": "Synthèse enfant en maternité",
            "date": "2026-02-20",
            "author": "pediatre",
            "lines": ["Né à 39 semaines, 3250 g, Apgar 10/10. Dépistages néonataux faits."],
        },
        {
            "key": "examen-8-jours",
            "type": "59283-2",
            "title": "CR d'examen de l'enfant (8e jour)",
            "date": "2026-02-25",
            "author": "pediatre",
            "encounter": "8e-jour",
            "lines": ["Examen clinique normal, allaitement maternel, vitamine D."],
        },
        {
            "key": "urgences",
            "type": "15507-7",
            "title": "CR de passage aux urgences",
            "date": "2026-10-11",
            "author": "urgentiste",
            "encounter": "bronchiolite",
            "pdf": True,
            "lines": [
                "Bronchiolite sans signe de gravité, retour à domicile, surveillance de l'alimentation."
            ],
        },
    ],
    "reimbursed": [("2026-02-25", "professional", "Examen obligatoire de l'enfant", "pediatre", 54, 54, 100)],
    "appointments": [("2027-01-18", "11:00", 30, "pediatre", "Examen du onzième mois")],
}

TEENAGER = {
    "gp": "mg-lyon",
    "minor": True,
    "relatives": [
        (
            "mere",
            ["EMERGENCY_CONTACT"],
            "MTH",
            "Mère, représentante légale",
            "Gaëlle",
            "Rousseau",
            "06 39 98 17 01",
        ),
    ],
    "encounters": [
        (
            "2025-scoliose",
            "AMB",
            "2025-03-18T17:00",
            "2025-03-18T17:30",
            "mg-lyon",
            "Dépistage d'une scoliose",
        ),
    ],
    "conditions": [
        ("scoliose", "active", "2025-03-18", "", "Angle de Cobb 14°, surveillance."),
        ("eczema", "inactive", "2013", "", ""),
    ],
    "vaccines": [
        ("ror", "2012-03-20", 1, "FIC-ROR-12", "mg-lyon"),
        ("ror", "2012-10-09", 2, "FIC-ROR-12B", "mg-lyon"),
        ("dtcap", "2022-04-12", 1, "FIC-DTC-22", "mg-lyon"),
        ("hpv", "2023-10-17", 1, "FIC-HPV-23", "infirmier"),
        ("hpv", "2024-04-23", 2, "FIC-HPV-24", "infirmier"),
        ("meningo", "2025-09-10", 1, "FIC-MEN-25", "infirmier"),
    ],
    "vitals": [
        ("2022-04-12", {"weight": 36, "height": 146}),
        ("2024-04-23", {"weight": 45.5, "height": 158}),
        ("2026-06-17", {"weight": 51, "height": 164, "blood_pressure": (108, 64)}),
    ],
    "imaging": [
        (
            "radio-rachis",
            "2025-04-02",
            "radiologue",
            "Scoliose",
            "Courbure thoracique droite, angle de Cobb 14°.",
        ),
    ],
    "documents": [
        {
            "key": "consultation-scoliose",
            "type": "11488-4",
            "title": "CR de consultation",
            "date": "2025-03-18",
            "author": "mg-lyon",
            "encounter": "2025-scoliose",
            "lines": ["Gibbosité thoracique droite. Radiographie demandée, sport encouragé."],
        },
        {
            "key": "consultation-secret",
            "type": "11488-4",
            "title": "CR de consultation de contraception",
            "date": "2026-09-16",
            "author": "sage-femme",
            "labels": ["INVISIBLE_REPRESENTANTS_LEGAUX"],
            "lines": ["Consultation dont la mineure demande le secret (L1111-5). Contraception expliquée."],
        },
        {
            "key": "ordonnance-secret",
            "type": "57833-6",
            "title": "Ordonnance de contraception",
            "date": "2026-09-16",
            "author": "sage-femme",
            "labels": ["INVISIBLE_REPRESENTANTS_LEGAUX"],
            "pdf": True,
            "lines": ["Lévonorgestrel et éthinylestradiol 0.1 mg/0.02 mg : 1 comprimé par jour, 3 mois."],
        },
    ],
    "reimbursed": [
        ("2025-03-18", "professional", "Consultation de médecine générale", "mg-lyon", 30, 30, 70)
    ],
}

CHILD = {
    "gp": "pediatre",
    "minor": True,
    "relatives": [
        (
            "pere",
            ["EMERGENCY_CONTACT"],
            "FTH",
            "Père, représentant légal",
            "Olivier",
            "Nguyen",
            "06 39 98 18 01",
        ),
    ],
    "encounters": [
        (
            "2022-urg",
            "EMER",
            "2022-06-04T18:00",
            "2022-06-04T23:00",
            "urgentiste",
            "Réaction allergique alimentaire",
        ),
        (
            "2026-suivi",
            "AMB",
            "2026-08-26T11:00",
            "2026-08-26T11:30",
            "pediatre",
            "Suivi d'asthme et d'allergie",
        ),
    ],
    "conditions": [
        ("asthme", "active", "2023-01", "", "Intermittent."),
        ("eczema", "remission", "2019-02", "2023", ""),
    ],
    "family": [("MTH", "Mère", "rhinite", 15, "")],
    "allergies": [
        (
            "arachide",
            "Arachide",
            "food",
            "high",
            "2022-06-04",
            "Urticaire, œdème des lèvres, gêne respiratoire",
            "severe",
        ),
    ],
    "treatments": [
        ("salbutamol", "2023-01-20", "", "2 bouffées avec chambre d'inhalation en cas de gêne", "asthme"),
        ("adrenaline", "2022-06-05", "", "1 injection en cas de réaction grave", ""),
    ],
    "prescriptions": [
        (
            "2026-08-26",
            "pediatre",
            "2026-08-27",
            [
                ("salbutamol", "2 bouffées en cas de gêne", 90),
                ("adrenaline", "1 injection en cas de réaction grave", 365),
            ],
        ),
    ],
    "vaccines": [
        ("hexa", "2018-12-03", 1, "FIC-HEX-18", "pediatre"),
        ("ror", "2019-10-01", 1, "FIC-ROR-19", "pediatre"),
        ("dtcap", "2024-10-08", 1, "FIC-DTC-24", "pediatre"),
    ],
    "vitals": [
        ("2020-10-02", {"weight": 12.4, "height": 87}),
        ("2023-01-20", {"weight": 16.8, "height": 105}),
        ("2026-08-26", {"weight": 24.5, "height": 126, "saturation": 99}),
    ],
    "documents": [
        {
            "key": "pai",
            "type": "80771-9",
            "title": "Projet d'accueil individualisé",
            "date": "2026-08-26",
            "author": "pediatre",
            "encounter": "2026-suivi",
            "pdf": True,
            "lines": [
                "Allergie à l'arachide : panier-repas, stylo d'adrénaline à l'école.",
                "Asthme : salbutamol avant l'effort.",
            ],
        },
        {
            "key": "urgences",
            "type": "15507-7",
            "title": "CR de passage aux urgences",
            "date": "2022-06-04",
            "author": "urgentiste",
            "encounter": "2022-urg",
            "lines": ["Anaphylaxie après ingestion d'arachide, adrénaline, surveillance de 5 heures."],
        },
    ],
    "reimbursed": [("2026-08-26", "professional", "Consultation de pédiatrie", "pediatre", 40, 40, 70)],
}

EPILEPTIC = {
    "gp": "mg-lille",
    "minor": True,
    "team": ["neurologue"],
    "relatives": [
        (
            "mere",
            ["EMERGENCY_CONTACT"],
            "MTH",
            "Mère, représentante légale",
            "Sabine",
            "Vasseur",
            "06 39 98 28 01",
        ),
    ],
    "encounters": [
        ("2022-hop", "IMP", "2022-11-13T21:00", "2022-11-15T10:00", "chirurgien", "Appendicite aiguë"),
        ("2026-neuro", "AMB", "2026-04-14T15:00", "2026-04-14T15:40", "neurologue", "Suivi d'épilepsie"),
    ],
    "conditions": [
        ("epilepsie", "active", "2021-09-22", "", "Dernière crise en mai 2024."),
        ("appendicite", "resolved", "2022-11-13", "2022-11-30", ""),
    ],
    "procedures": [("appendicectomie", "2022-11-14", "chirurgien", "")],
    "treatments": [("levetiracetam", "2021-10-04", "", "1 comprimé matin et soir", "epilepsie")],
    "prescriptions": [
        ("2026-04-14", "neurologue", "2026-04-15", [("levetiracetam", "1 comprimé matin et soir", 180)]),
    ],
    "vaccines": [
        ("hpv", "2023-11-06", 1, "FIC-HPV-23C", "mg-lille"),
        ("dtcap", "2021-02-02", 1, "FIC-DTC-21", "mg-lille"),
    ],
    "vitals": [
        ("2021-10-04", {"weight": 43, "height": 155}),
        ("2026-04-14", {"weight": 66, "height": 178, "blood_pressure": (118, 70)}),
    ],
    "labs": [
        (
            "2022-11-13",
            "chirurgien",
            "Syndrome inflammatoire.",
            {"crp": 64, "leucocytes": 15.2, "hemoglobine": 13.6},
        )
    ],
    "imaging": [
        (
            "echo-abdomen",
            "2022-11-13",
            "radiologue",
            "Douleur de la fosse iliaque droite",
            "Appendice de 11 mm.",
        )
    ],
    "documents": [
        {
            "key": "liaison-sortie",
            "type": "11490-0",
            "title": "Lettre de liaison de sortie",
            "date": "2022-11-15",
            "author": "chirurgien",
            "encounter": "2022-hop",
            "period": ("2022-11-13", "2022-11-15"),
            "pdf": True,
            "lines": ["Appendicectomie par cœlioscopie, suites simples.", "Dispense de sport de 3 semaines."],
        },
        {
            "key": "consultation-neurologie",
            "type": "11488-4",
            "title": "CR de consultation de neurologie",
            "date": "2026-04-14",
            "author": "neurologue",
            "encounter": "2026-neuro",
            "lines": ["Pas de crise depuis deux ans. Discussion de la conduite accompagnée."],
        },
    ],
    "reimbursed": [("2026-04-14", "professional", "Consultation de neurologie", "neurologue", 60, 60, 100)],
}

STORIES = {6: BABY, 7: TEENAGER, 8: CHILD, 18: EPILEPTIC}
