"""10, 14, 15, 17 and 19: adults with everyday needs, from migraine to a birth."""

MIGRAINE = {
    "gp": "mg-ajaccio",
    "identity": "VALI",
    "relatives": [
        ("compagnon", ["EMERGENCY_CONTACT"], "DOMPART", "Compagnon", "Anghjulu", "Mariani", "06 39 98 20 01")
    ],
    "encounters": [("2026-cs", "AMB", "2026-02-11T10:00", "2026-02-11T10:25", "mg-ajaccio", "Migraines")],
    "conditions": [
        ("migraine", "active", "2010", "", "Deux crises par mois."),
        ("endometriose", "active", "2021-03-02", "", ""),
    ],
    "treatments": [("sumatriptan", "2019-05-06", "", "1 comprimé dès le début de la crise", "migraine")],
    "prescriptions": [
        (
            "2026-02-11",
            "mg-ajaccio",
            "2026-02-12",
            [("sumatriptan", "1 comprimé dès le début de la crise", 30)],
        )
    ],
    "vitals": [("2026-02-11", {"weight": 57, "height": 165, "blood_pressure": (112, 70)})],
    "documents": [
        {
            "key": "teleconsultation",
            "type": "85208-7",
            "title": "CR de téléconsultation",
            "date": "2026-06-22",
            "author": "neurologue",
            "lines": ["Migraine sans aura, traitement de crise efficace, pas de traitement de fond."],
        },
    ],
    "reimbursed": [
        ("2026-02-11", "professional", "Consultation de médecine générale", "mg-ajaccio", 30, 30, 70)
    ],
}

DEPRESSION = {
    "gp": "mg-lyon",
    "team": ["psychiatre"],
    "relatives": [("amie", ["TRUSTED_CONTACT"], "FRND", "Amie", "Inès", "Ferrand", "06 39 98 24 01")],
    "encounters": [("2026-psy", "AMB", "2026-01-22T17:00", "2026-01-22T17:45", "psychiatre", "Suivi")],
    "conditions": [("depression", "remission", "2025-02-10", "2026-04-01", "Premier épisode.")],
    "treatments": [("sertraline", "2025-02-24", "2026-05-04", "1 gélule le matin", "depression")],
    "prescriptions": [("2026-01-22", "psychiatre", "2026-01-23", [("sertraline", "1 gélule le matin", 90)])],
    "vitals": [("2026-01-22", {"weight": 59.5, "height": 170, "blood_pressure": (116, 72)})],
    "documents": [
        {
            "key": "synthese-psychiatrique",
            "type": "68599-0",
            "title": "Synthèse psychiatrique",
            "date": "2026-01-22",
            "author": "psychiatre",
            "encounter": "2026-psy",
            "labels": ["MASQUE_PS"],
            "pdf": True,
            "lines": ["Évolution favorable, arrêt progressif du traitement prévu au printemps."],
        },
        {
            "key": "questionnaire",
            "type": "74465-6",
            "title": "Questionnaire patient",
            "date": "2026-06-30",
            "author": "patient",
            "lines": ["Sommeil : bon. Moral : bon. Activité physique : trois fois par semaine."],
        },
    ],
    "reimbursed": [("2026-01-22", "professional", "Consultation de psychiatrie", "psychiatre", 57, 57, 70)],
    "emergency": ("2025-02-20", {"ETREAT": "permit", "BTG": "deny", "MASKED": "deny"}),
}

BACK_PAIN = {
    "gp": "mg-lyon",
    "marital": "Marié",
    "team": ["kine"],
    "relatives": [
        ("epouse", ["EMERGENCY_CONTACT"], "WIFE", "Épouse", "Élodie", "Fontaine", "06 39 98 25 01")
    ],
    "encounters": [
        ("2026-lombalgie", "AMB", "2026-05-04T09:00", "2026-05-04T09:20", "mg-lyon", "Lumbago aigu")
    ],
    "conditions": [("lombalgie", "active", "2026-05-03", "", "Port de charges.")],
    "treatments": [
        ("ibuprofene", "2026-05-04", "2026-05-11", "1 comprimé 3 fois par jour au repas", "lombalgie")
    ],
    "prescriptions": [
        ("2026-05-04", "mg-lyon", "2026-05-04", [("ibuprofene", "1 comprimé 3 fois par jour", 7)])
    ],
    "vitals": [("2026-05-04", {"weight": 88, "height": 181, "blood_pressure": (132, 84)})],
    "documents": [
        {
            "key": "arret-travail",
            "type": "PRESC-AAT",
            "title": "Prescription d'arrêt de travail",
            "date": "2026-05-04",
            "author": "mg-lyon",
            "encounter": "2026-lombalgie",
            "lines": ["Arrêt de travail du 04/05/2026 au 13/05/2026, sorties libres."],
        },
        {
            "key": "suivi-kine",
            "type": "11506-3",
            "title": "Fiche de suivi de kinésithérapie",
            "date": "2026-06-19",
            "author": "kine",
            "lines": ["10 séances : disparition de la douleur, exercices d'entretien à domicile."],
        },
    ],
    "reimbursed": [
        ("2026-05-04", "professional", "Consultation de médecine générale", "mg-lyon", 30, 30, 70)
    ],
}

MOTHER = {
    "gp": "mg-aix",
    "marital": "Mariée",
    "team": ["sage-femme"],
    "relatives": [("mari", ["EMERGENCY_CONTACT"], "HUSB", "Époux", "Ibrahima", "Traoré", "06 39 98 27 01")],
    "encounters": [
        ("2024-accouchement", "IMP", "2024-09-16T07:00", "2024-09-20T12:00", "obstetricien", "Césarienne")
    ],
    "conditions": [
        ("cesarienne", "resolved", "2024-09-16", "2024-09-20", "Présentation du siège."),
        ("anemie", "resolved", "2024-07-01", "2025-01-10", ""),
    ],
    "procedures": [("cesarienne", "2024-09-16", "obstetricien", "Fille de 3380 g.")],
    "treatments": [("fer", "2024-07-01", "2025-01-10", "1 comprimé le soir", "anemie")],
    "vaccines": [("dtcap", "2024-07-15", 1, "FIC-DTC-24M", "sage-femme")],
    "vitals": [
        ("2024-09-16", {"weight": 82, "height": 172, "blood_pressure": (124, 76)}),
        ("2025-01-10", {"weight": 71}),
    ],
    "labs": [("2024-09-17", "obstetricien", "Anémie du post-partum.", {"hemoglobine": 9.8, "ferritine": 12})],
    "documents": [
        {
            "key": "suites-couches",
            "type": "89235-6",
            "title": "Synthèse suites de couches mère",
            "date": "2024-09-20",
            "author": "obstetricien",
            "encounter": "2024-accouchement",
            "pdf": True,
            "lines": ["Césarienne pour siège, suites simples, allaitement maternel."],
        },
    ],
    "reimbursed": [("2024-09-20", "institutional", "Séjour de maternité", "obstetricien", 3890, 3890, 100)],
}

APNEA = {
    "gp": "mg-reunion",
    "marital": "Divorcé",
    "relatives": [("soeur", ["EMERGENCY_CONTACT"], "SIS", "Sœur", "Josiane", "Payet", "06 39 98 29 01")],
    "encounters": [
        ("2026-cs", "AMB", "2026-07-09T08:00", "2026-07-09T08:25", "mg-reunion", "Crise de goutte")
    ],
    "conditions": [
        ("obesite", "active", "2010", "", "Indice de masse corporelle 33."),
        ("apnee", "active", "2019-05-14", "", "Appareillé par pression positive continue."),
        ("goutte", "active", "2022-03-08", "", ""),
    ],
    "treatments": [
        ("allopurinol", "2022-05-02", "", "1 comprimé le soir", "goutte"),
        ("colchicine", "2026-07-09", "2026-07-14", "1 comprimé par jour", "goutte"),
    ],
    "prescriptions": [
        (
            "2026-07-09",
            "mg-reunion",
            "2026-07-09",
            [("colchicine", "1 comprimé par jour", 5), ("allopurinol", "1 comprimé le soir", 90)],
        )
    ],
    "vitals": [
        ("2019-05-14", {"weight": 108, "height": 177, "blood_pressure": (146, 92)}),
        ("2026-07-09", {"weight": 103, "blood_pressure": (138, 86), "temperature": 37.4}),
    ],
    "labs": [
        (
            "2026-07-06",
            "mg-reunion",
            "Uricémie au-dessus de l'objectif.",
            {"urate": 486, "creatinine": 92, "dfg": 84, "triglycerides": 2.3},
        )
    ],
    "documents": [
        {
            "key": "polygraphie",
            "type": "70004-7",
            "title": "CR de polygraphie ventilatoire",
            "date": "2019-05-14",
            "author": "pneumo",
            "lines": [
                "Index d'apnées-hypopnées : 42 par heure. Indication d'une pression positive continue."
            ],
        },
    ],
    "reimbursed": [
        ("2026-07-09", "professional", "Consultation de médecine générale", "mg-reunion", 36, 36, 70)
    ],
}

STORIES = {10: MIGRAINE, 14: DEPRESSION, 15: BACK_PAIN, 17: MOTHER, 19: APNEA}
