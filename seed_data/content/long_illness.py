"""9, 11, 12 and 16: adults with a long illness (cancer, lupus, dialysis, type 1 diabetes)."""

COLON_CANCER = {
    "gp": "mg-lyon",
    "marital": "Marié",
    "team": ["oncologue", "chirurgien"],
    "relatives": [("epouse", ["TRUSTED_CONTACT"], "WIFE", "Épouse", "Martine", "Dupont", "06 39 98 19 01")],
    "encounters": [
        (
            "2026-coloscopie",
            "AMB",
            "2026-06-03T08:00",
            "2026-06-03T11:00",
            "chirurgien",
            "Coloscopie après test positif",
        ),
        ("2026-hop", "IMP", "2026-07-06T07:00", "2026-07-13T11:00", "chirurgien", "Colectomie gauche"),
    ],
    "conditions": [
        ("cancer-colon", "active", "2026-06-10", "", "Stade III, en cours de chimiothérapie."),
        ("hta", "active", "2016", "", ""),
    ],
    "procedures": [
        ("coloscopie", "2026-06-03", "chirurgien", ""),
        ("colectomie", "2026-07-06", "chirurgien", ""),
    ],
    "family": [("FTH", "Père", "cancer-colon", 66, "")],
    "treatments": [
        ("perindopril", "2016-02-01", "", "1 comprimé le matin", "hta"),
        ("capecitabine", "2026-08-24", "", "3 comprimés matin et soir, 14 jours sur 21", "cancer-colon"),
    ],
    "prescriptions": [
        ("2026-08-24", "oncologue", "2026-08-24", [("capecitabine", "3 comprimés matin et soir", 14)])
    ],
    "vitals": [
        ("2026-06-03", {"weight": 84, "height": 176}),
        ("2026-10-12", {"weight": 78.5, "blood_pressure": (128, 78)}),
    ],
    "labs": [
        (
            "2026-10-19",
            "oncologue",
            "Neutropénie modérée attendue.",
            {"hemoglobine": 11.9, "leucocytes": 3.4, "plaquettes": 168},
        )
    ],
    "imaging": [
        (
            "scanner-abdomen",
            "2026-06-17",
            "radiologue",
            "Bilan d'extension",
            "Pas de localisation secondaire.",
        )
    ],
    "documents": [
        {
            "key": "anatomopathologie",
            "type": "60568-3",
            "title": "CR d'anatomie pathologique",
            "date": "2026-06-10",
            "author": "biologiste",
            "lines": ["Adénocarcinome moyennement différencié du côlon sigmoïde."],
        },
        {
            "key": "rcp",
            "type": "34794-8",
            "title": "CR de réunion de concertation pluridisciplinaire",
            "date": "2026-07-22",
            "author": "oncologue",
            "pdf": True,
            "lines": ["pT3 N1 M0 : chimiothérapie adjuvante par capécitabine et oxaliplatine, 3 mois."],
        },
        {
            "key": "scanner-a-annoncer",
            "type": "18748-4",
            "title": "CR d'imagerie : scanner de contrôle",
            "date": "2026-10-26",
            "author": "radiologue",
            "labels": ["INVISIBLE_PATIENT"],
            "lines": ["Nodule hépatique de 9 mm à caractériser. À annoncer en consultation."],
        },
    ],
    "reimbursed": [
        (
            "2026-07-13",
            "institutional",
            "Hospitalisation de 7 jours en chirurgie",
            "chirurgien",
            8450,
            8450,
            100,
        )
    ],
    "appointments": [("2026-11-06", "15:00", 30, "oncologue", "Consultation d'annonce")],
}

LUPUS = {
    "gp": "mg-reunion",
    "team": ["nephrologue"],
    "relatives": [("fille", ["EMERGENCY_CONTACT"], "DAUC", "Fille", "Maëva", "Sylvestre", "06 39 98 21 01")],
    "encounters": [
        ("2026-nephro", "VR", "2026-03-17T16:00", "2026-03-17T16:30", "nephrologue", "Suivi de lupus")
    ],
    "conditions": [
        ("lupus", "active", "2004-09-20", "", "Sans atteinte rénale."),
        ("hta", "active", "2015", "", ""),
    ],
    "allergies": [
        ("soleil-sulfamides", "Sulfamides", "medication", "high", "2006-03-01", "Toxidermie", "moderate")
    ],
    "treatments": [("hydroxychloroquine", "2004-10-11", "", "1 comprimé matin et soir", "lupus")],
    "prescriptions": [
        ("2026-03-17", "nephrologue", "2026-03-19", [("hydroxychloroquine", "1 comprimé matin et soir", 180)])
    ],
    "vaccines": [
        ("pneumo", "2017-11-06", 1, "FIC-PNE-17", "mg-reunion"),
        ("grippe", "2025-10-27", 1, "FIC-GRI-25", "mg-reunion"),
    ],
    "vitals": [("2026-03-10", {"weight": 68, "height": 167, "blood_pressure": (134, 84)})],
    "labs": [
        (
            "2026-03-10",
            "nephrologue",
            "Pas d'argument pour une poussée.",
            {"creatinine": 66, "dfg": 92, "crp": 3, "leucocytes": 4.4},
        )
    ],
    "imaging": [
        ("mammographie", "2025-06-12", "radiologue", "Dépistage organisé", "ACR 2, contrôle dans deux ans.")
    ],
    "documents": [
        {
            "key": "fond-oeil",
            "type": "78513-9",
            "title": "CR de consultation en ophtalmologie",
            "date": "2025-12-02",
            "author": "ophtalmologue",
            "lines": ["Pas de toxicité rétinienne de l'hydroxychloroquine, contrôle dans un an."],
        },
    ],
    "reimbursed": [
        ("2026-03-17", "professional", "Téléconsultation de néphrologie", "nephrologue", 60, 60, 100)
    ],
}

DIALYSIS = {
    "gp": "mg-lyon",
    "marital": "Marié",
    "team": ["nephrologue", "infirmier"],
    "relatives": [("epouse", ["TRUSTED_CONTACT"], "WIFE", "Épouse", "Rosa", "Da Silva", "06 39 98 22 01")],
    "encounters": [
        ("2026-dialyse", "AMB", "2026-10-28T07:00", "2026-10-28T11:30", "nephrologue", "Séance d'hémodialyse")
    ],
    "conditions": [
        ("irc", "active", "2023-02-13", "", "Hémodialyse trois fois par semaine."),
        ("hta", "active", "1995", "", ""),
    ],
    "procedures": [
        ("fistule", "2022-11-08", "chirurgien", "Avant-bras gauche."),
        ("dialyse", "2026-10-28", "nephrologue", ""),
    ],
    "treatments": [
        ("darbepoetine", "2023-03-01", "", "1 injection par semaine en séance", "irc"),
        ("sevelamer", "2023-03-01", "", "1 comprimé à chaque repas", "irc"),
    ],
    "prescriptions": [
        ("2026-10-28", "nephrologue", "2026-10-29", [("sevelamer", "1 comprimé à chaque repas", 28)])
    ],
    "vaccines": [
        ("hepb", "2022-09-01", 1, "FIC-HEB-22", "infirmier"),
        ("hepb", "2022-10-03", 2, "FIC-HEB-22B", "infirmier"),
    ],
    "vitals": [("2026-10-28", {"weight": 74.5, "height": 170, "blood_pressure": (144, 82), "pulse": 74})],
    "labs": [
        (
            "2026-10-26",
            "nephrologue",
            "Bilan mensuel de dialyse.",
            {"creatinine": 742, "potassium": 5.4, "hemoglobine": 11.2, "albumine": 38},
        )
    ],
    "imaging": [
        (
            "echo-coeur",
            "2025-09-16",
            "cardio",
            "Bilan avant greffe",
            "Hypertrophie concentrique, fonction conservée.",
        )
    ],
    "documents": [
        {
            "key": "liste-greffe",
            "type": "34133-9",
            "title": "Synthèse d'épisode de soins : inscription sur liste de greffe",
            "date": "2025-10-06",
            "author": "nephrologue",
            "lines": ["Inscription active sur la liste nationale d'attente de greffe rénale."],
        },
        {
            "key": "attestation-droits",
            "type": "DOCPAT09",
            "title": "Attestation de droits (déposée par le patient)",
            "date": "2026-01-05",
            "author": "patient",
            "lines": ["Exonération du ticket modérateur au titre d'une affection de longue durée."],
        },
    ],
    "reimbursed": [("2026-10-28", "institutional", "Séance d'hémodialyse", "nephrologue", 325, 325, 100)],
    "organ_donation": "2025-10-06",
}

TYPE_1_DIABETES = {
    "gp": "mg-lyon",
    "team": ["endocrino", "pharmacien"],
    "relatives": [("frere", ["TRUSTED_CONTACT"], "BRO", "Frère", "Yanis", "Haddad", "06 39 98 26 01")],
    "encounters": [
        ("2026-endo", "AMB", "2026-04-09T11:00", "2026-04-09T11:30", "endocrino", "Suivi sous pompe")
    ],
    "conditions": [("diabete1", "active", "2008-06-11", "", "Capteur de glucose en continu.")],
    "treatments": [
        ("insuline-lente", "2008-06-11", "2024-01-15", "18 UI le soir", "diabete1"),
        ("insuline-rapide", "2008-06-11", "", "En débit de base et bolus par pompe", "diabete1"),
    ],
    "prescriptions": [
        (
            "2026-04-09",
            "endocrino",
            "2026-04-10",
            [("insuline-rapide", "En débit de base et bolus par pompe", 90)],
        )
    ],
    "vaccines": [("grippe", "2025-10-22", 1, "FIC-GRI-25", "pharmacien")],
    "vitals": [
        ("2024-01-15", {"weight": 71, "height": 178}),
        ("2026-04-09", {"weight": 72.5, "blood_pressure": (118, 68)}),
    ],
    "labs": [
        ("2024-01-08", "endocrino", "Équilibre insuffisant.", {"hba1c": 8.3, "creatinine": 78}),
        (
            "2026-04-02",
            "endocrino",
            "Bon équilibre sous pompe.",
            {"hba1c": 6.9, "creatinine": 80, "ldl": 2.2},
        ),
    ],
    "documents": [
        {
            "key": "consultation",
            "type": "11488-4",
            "title": "CR de consultation de diabétologie",
            "date": "2026-04-09",
            "author": "endocrino",
            "encounter": "2026-endo",
            "lines": ["Temps dans la cible : 74 %. Pas d'hypoglycémie sévère."],
        },
        {
            "key": "entretien-pharmaceutique",
            "type": "78601-2",
            "title": "CR d'entretien pharmaceutique",
            "date": "2026-05-13",
            "author": "pharmacien",
            "lines": ["Technique de pose du cathéter revue, renouvellement des bandelettes."],
        },
    ],
    "reimbursed": [
        ("2026-04-10", "pharmacy", "Insuline et consommables de pompe", "pharmacien", 412.6, 412.6, 100)
    ],
}

STORIES = {9: COLON_CANCER, 11: LUPUS, 12: DIALYSIS, 16: TYPE_1_DIABETES}
